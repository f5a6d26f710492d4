"""What an export would hold and would not, and where the exports of a bank stand."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from itembank.errors import Message, msg
from itembank.exchange.formats import FORMATS, Holds
from itembank.tables import Bank
from server.bank import item_list
from server.bank.export_rules import DECIDE_WITHIN, Facts, State, ends_at, state_of
from server.bank.export_tables import ItemExport, ItemExportFile
from server.bank.item_list import Filter
from server.bank.scope import names, say
from server.bank.words import KINDS
from server.errors import NotFound
from server.jobs import Job
from server.pages import _, translate

_WITH_EXCEPTIONS: Final = frozenset({"fill_in", "matching"})
EXPORTED: Final = ("xlsx", "qti_package", "moodle", "gift")


@dataclass(frozen=True)
class Wish:
    """What somebody wants out. `format` is one of `EXPORTED`."""

    format: str
    with_keys: bool
    narrowed: Filter

    @property
    def kinds_held(self) -> frozenset[str]:
        """Kinds of items that can be in such a file."""
        holds = FORMATS[self.format].holds
        return holds.kinds if self.with_keys else holds.kinds & holds.without_key


@dataclass(frozen=True)
class Preview:
    """What a file would hold: how many items by kind, and as sentences what it would not."""

    count: int
    kinds: Mapping[str, int]
    lost: list[str]


@dataclass(frozen=True)
class Line:
    """One export with people by name. `ends_at`: until when it waits, or may be taken."""

    row: ItemExport
    state: State
    by: str
    decided_by: str
    ends_at: datetime | None
    file: ItemExportFile | None
    job: Job | None


def preview(db: Session, bank: Bank, wish: Wish, reader: int) -> Preview:
    """What the file would hold now."""
    holds = FORMATS[wish.format].holds
    chosen = item_list.chosen(db, bank, wish.narrowed, reader)
    kinds = Counter(one.kind for one in chosen if not one.held)
    held = sum(one.held for one in chosen)
    lost = []
    if held:
        lost.append(translate(_("%(n)s items are in forms that are not opened yet; they are left out."), n=held))
    for kind in sorted(kinds.keys() - wish.kinds_held):
        sentence = _("%(kind)s: %(n)s items are left out, the format cannot hold them.")
        if kind in holds.kinds:
            sentence = _("%(kind)s: %(n)s items are left out, the format cannot hold them without the key.")
        lost.append(translate(sentence, kind=translate(KINDS[kind]), n=kinds.pop(kind)))
    lost += map(say, _of_format(holds, [one for one in chosen if not one.held]))
    if not wish.with_keys:
        lost.append(translate(_("Keys and explanations are not in the file.")))
    if not holds.pictures:
        lost.append(translate(_("Figures lie beside the file, in a ZIP with it.")))
    lost.append(translate(_("Votes, history and use of the items are not in the file.")))
    return Preview(kinds.total(), kinds, lost)


def _of_format(holds: Holds, chosen: list[item_list.Choice]) -> Iterator[Message]:
    """What the format cannot do with items like these."""
    if holds.but is not None and any(one.kind in _WITH_EXCEPTIONS for one in chosen):
        yield holds.but
    if not holds.sets and any(one.in_set for one in chosen):
        yield msg("The text of a case set stands in front of each of its questions; the set is not kept.")


def get_export(db: Session, bank: Bank, number: int, now: datetime) -> Line:
    """An export of this bank; raises `NotFound`."""
    found = _lines(db, _exports().where(col(ItemExport.id) == number, col(ItemExport.bank_id) == bank.id), now)
    if not found:
        raise NotFound
    return found[0]


def listed(db: Session, bank: Bank, now: datetime) -> list[Line]:
    """Exports of a bank, newest first."""
    return _lines(db, _exports().where(col(ItemExport.bank_id) == bank.id).order_by(col(ItemExport.id).desc()).limit(100), now)


def waiting(db: Session, bank: Bank, now: datetime) -> int:
    """How many wait for a second person."""
    asked = (col(ItemExport.bank_id) == bank.id, col(ItemExport.decided_at).is_(None))
    return int(db.execute(select(func.count()).where(*asked, col(ItemExport.asked_at) > now - DECIDE_WITHIN)).scalar_one())


def _exports() -> Select[ItemExport, ItemExportFile, Job]:
    return (
        select(ItemExport, ItemExportFile, Job)
        .outerjoin(ItemExportFile, col(ItemExportFile.export_id) == col(ItemExport.id))
        .outerjoin(Job, col(Job.id) == col(ItemExportFile.job_id))
        .options(defer(ItemExport.versions), defer(ItemExportFile.ciphertext))  # type: ignore[arg-type]  # mapped columns
        .execution_options(populate_existing=True)
    )


def _lines(db: Session, statement: Select[ItemExport, ItemExportFile, Job], now: datetime) -> list[Line]:
    rows = [(row, file, job) for row, file, job in db.execute(statement)]
    people = names(db, [person for row, _file, _job in rows for person in (row.asked_by, row.decided_by)])
    return [_line(row, file, job, people, now) for row, file, job in rows]


def _line(row: ItemExport, file: ItemExportFile | None, job: Job | None, people: Mapping[int | None, str], now: datetime) -> Line:
    made_at = file.made_at if file is not None else None
    until = None
    if row.decided_at is None:
        until = row.asked_at + DECIDE_WITHIN
    elif row.agreed:
        until = ends_at(row.decided_at, made_at)
    decided = (row.decided_at, row.decided_by, bool(row.agreed))
    state = state_of(Facts(row.asked_at, row.asked_by, *decided, job.state if job is not None else "", made_at), now)
    decided_by = people[row.decided_by] if row.decided_by is not None else ""
    return Line(row, state, people[row.asked_by], decided_by, until, file, job)


def filter_of(narrowed: Mapping[str, Any]) -> Filter:
    """A stored filter as one again; what is not known any more is left out."""
    return Filter(**{name: value for name, value in narrowed.items() if name in Filter.__dataclass_fields__})
