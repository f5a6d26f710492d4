"""Where log lines go: standard error, one line each, never with content or ID numbers.

A line that cannot be written is lost and nothing else: a full disk or a closed terminal under the log must not end the thread
that was about to say what went wrong.
"""

import contextlib
import sys
from typing import Any

import structlog

LEVELS = ("debug", "info", "warning", "error")


class Line:
    """Writes lines to whatever standard error is at that moment."""

    def msg(self, text: str) -> None:
        """One line; failing to write it is not an error of the product."""
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)

    debug = info = warning = warn = error = critical = exception = log = msg


def _line(*_args: Any) -> Line:
    return Line()


def configure(level: str) -> None:
    """Send everything from `level` on to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_line,
    )
