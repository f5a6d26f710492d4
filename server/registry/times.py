"""Beijing time on forms and screens; everything stored is UTC. Pure."""

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had one zone without daylight saving time since 1991."""


def parse_local(value: str) -> datetime | None:
    """UTC from what a `datetime-local` field sends (2026-11-21T14:00, Beijing time); None when it is not a time."""
    try:
        local = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (local if local.tzinfo else local.replace(tzinfo=BEIJING)).astimezone(UTC)


def local_input(value: datetime) -> str:
    """The value of a `datetime-local` field."""
    return value.astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M")
