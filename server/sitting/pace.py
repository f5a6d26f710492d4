"""How long candidates took over each question, from their journals: for statistics after the exam. Read-only.

The time of an answer is when it was made, not when it arrived: an operation says how old it was when it was sent. The time of a
question runs from the answer before it (or the opening) to the first answer to it. Where something lies between that takes
time by itself or hides it (a pause, a reload, another PC, an outage), nothing is known, and nothing is said.
"""

from collections.abc import Iterable, Iterator

from sqlmodel import Session, col, select

from server.sitting import events as ev
from server.sitting.tables import JournalEvent

CHUNK = 5_000


def seconds(db: Session, exam_session_id: int) -> Iterator[tuple[int, dict[int, float]]]:
    """(entry number, slot -> seconds) of every sitting that was answered; a slot that is missing is not known."""
    found = db.execute(
        select(col(JournalEvent.entry_no), col(JournalEvent.body))
        .where(col(JournalEvent.exam_session_id) == exam_session_id)
        .order_by(col(JournalEvent.entry_no), col(JournalEvent.n))
        .execution_options(yield_per=CHUNK)
    )
    entry_no, mine = None, list[ev.Event]()
    for number, body in found:
        if number != entry_no and entry_no is not None:
            yield entry_no, of_events(mine)
            mine = []
        entry_no = number
        mine.append(ev.read(body, b""))
    if entry_no is not None:
        yield entry_no, of_events(mine)


def of_events(events: Iterable[ev.Event]) -> dict[int, float]:
    """Slot -> seconds of one journal."""
    taken: dict[int, float] = {}
    since: int | None = None
    seen: set[int] = set()
    for event in events:
        if event.kind == "answered":
            made, slot = event.at - event.data.get("dt_ms", 0), event.data["item"]
            if slot not in seen and since is not None and made > since:
                taken[slot] = (made - since) / 1000
            seen.add(slot)
            since = made
        elif event.kind == "opened":
            since = event.at
        elif event.kind not in {"flagged", "reported", "messaged", "credited", "credit_withdrawn", "identity_checked"}:
            since = None
    return taken
