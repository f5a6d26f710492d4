"""Pure rules of sign-in: the throttle."""

from datetime import datetime, timedelta

MAX_ATTEMPTS = 5
WINDOW = timedelta(minutes=15)


def retry_after(failures: list[datetime], now: datetime) -> int:
    """Seconds until another attempt is allowed (0: now), from the times of earlier failures.

    At most five failures in fifteen minutes; the oldest of the last five has to leave the window.
    """
    recent = sorted(at for at in failures if now - at < WINDOW)
    if len(recent) < MAX_ATTEMPTS:
        return 0
    return int((recent[-MAX_ATTEMPTS] + WINDOW - now).total_seconds()) + 1
