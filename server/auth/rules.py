"""Pure rules of sign-in: the throttle."""

from datetime import datetime, timedelta

MAX_ATTEMPTS = 5
WINDOW = timedelta(minutes=15)


MAX_FROM_ADDRESS = 60
"""A whole exam centre may stand behind one address: one person's mistakes must not lock out the others."""


def retry_after(failures: list[datetime], now: datetime, most: int = MAX_ATTEMPTS) -> int:
    """Seconds until another attempt is allowed (0: now), from the times of earlier failures.

    At most `most` failures in fifteen minutes; the oldest of the last ones has to leave the window.
    """
    recent = sorted(at for at in failures if now - at < WINDOW)
    if len(recent) < most:
        return 0
    return int((recent[-most] + WINDOW - now).total_seconds()) + 1
