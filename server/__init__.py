"""The service: slices over the `itembank` library, wired in `app.py`.

Every slice has uniform edges: `rules.py` (pure decisions), `tables.py` (the SQL shape), `routes.py` (HTTP). What lies
between is named by what it does. The README draws the map and says who may import whom; import-linter enforces it.
"""

import gc
import sys

gc.set_threshold(50_000, 20, 50)
# Importing makes some 400,000 objects that stay: looking for garbage among them again and again took a quarter of the time to
# start. `serving` sets its own thresholds.

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog loads rich and pygments, if it finds them, for coloured tracebacks that nobody here asks for: a tenth of the
    # time a killed server needs to be back. It does without when they are not to be had at that moment.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
