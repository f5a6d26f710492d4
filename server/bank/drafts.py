"""What a writer has typed and not saved as a version yet: kept while typing, sealed, one draft for each editor page.

Two windows on the same item never overwrite each other: each keeps a draft of its own under the name it was opened with
(`Tab`), and is told of the other. A page that restores a draft takes it over once that has rested for a while: until then
the page it comes from may still be open. Saving a version closes the page's draft: a keeping that was still under way must
not bring it back.
"""

import json
import re
import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col
from starlette.datastructures import FormData

from itembank.lifecycle import current_version
from itembank.sealing import Keyring
from itembank.tables import Bank, Item, ItemVersion
from server.auth.staff import Staff
from server.bank.editor import EditorForm
from server.bank.scope import text
from server.bank.tables import WorkingDraft

KEPT_FOR = timedelta(days=30)
"""A draft nobody has typed in for so long is thrown away."""
RESTS_AFTER = timedelta(minutes=10)
"""A draft untouched for so long belongs to no window that somebody is typing in."""
CLOSED_FOR = timedelta(days=1)
"""So long a page that was saved is remembered as such."""
_PURPOSE = "item_body"
_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Tab:
    """One editor page. `base`: the version it was opened with, 0 for a new item; `restored`: the draft it shows, and of when.

    `task`: the writing task it is for, 0 for none.
    """

    name: str = ""
    base: int = 0
    restored: tuple[int, str] | None = None
    task: int = 0


@dataclass(frozen=True)
class Kept:
    """How keeping went. `at` None: there was nothing worth keeping; `closed`: this page's text was saved as a version before.

    `others`: drafts of the same item in other windows, newest first.
    """

    at: datetime | None
    closed: bool
    others: list[WorkingDraft]


@dataclass(frozen=True)
class Restored:
    """A draft as it is shown again."""

    number: int
    form: EditorForm
    at: datetime
    base: int
    task: int

    @property
    def mark(self) -> tuple[int, str]:
        """What the page sends back, to take this very draft over."""
        return self.number, _stamp(self.at)


def new_tab(base: int, task: int = 0) -> Tab:
    """A page that is being opened."""
    return Tab(secrets.token_hex(8), base, task=task)


def read_tab(fields: FormData) -> Tab:
    """The page a form comes from; odd values count as none."""
    name = text(fields, "tab")
    number, _at, stamp = text(fields, "restored").partition("@")
    return Tab(
        name if _NAME.fullmatch(name) else "",
        _whole(text(fields, "base")),
        (_whole(number), stamp) if _whole(number) else None,
        _whole(text(fields, "task")),
    )


def _whole(typed: str) -> int:
    return int(typed) if typed.isdecimal() and len(typed) < 10 else 0


def keep(
    db: Session, keyring: Keyring, who: Staff, bank: Bank, item: Item | None, form: EditorForm, tab: Tab, *, now: datetime
) -> Kept:
    """Keep what was typed on this page; an empty form forgets it."""
    row = _of_tab(db, who, bank, item, tab)
    if row is not None and not row.ciphertext:
        return Kept(None, True, others(db, who, bank, item, tab))
    if form.is_blank:
        _drop_own(db, who, bank, item, tab)
        return Kept(None, False, others(db, who, bank, item, tab))
    item_id = item.id if item else None
    values: dict[str, Any] = {
        "tab": tab.name,
        "base_version": tab.base,
        "task_id": tab.task or None,
        "ciphertext": keyring.seal(_PURPOSE, json.dumps(vars(form)).encode(), _aad(bank.id, item_id, who.person_id)),
        "saved_at": now,
    }
    if row is None:
        shown = _shown_here(db, who, bank, item, tab)
        row = shown if shown is not None and now - shown.saved_at >= RESTS_AFTER else None
    if row is None:
        db.add(WorkingDraft(bank_id=bank.id, item_id=item_id, author_id=who.person_id, **values))
        db.flush()
    else:
        db.execute(update(WorkingDraft).where(col(WorkingDraft.id) == row.id).values(**values))
    return Kept(now, False, others(db, who, bank, item, tab))


def restore(
    db: Session,
    keyring: Keyring,
    who: Staff,
    bank: Bank,
    item: Item | None,
    *,
    number: int | None = None,
    begun: EditorForm | None = None,
    task: int = 0,
) -> Restored | None:
    """What this writer typed and did not save: the draft wanted, or the newest (for `task`, or like a new form is `begun`)."""
    wanted = [*_mine(bank, item, who), *_open()]
    if number is not None:
        wanted.append(col(WorkingDraft.id) == number)
    elif task:
        wanted.append(col(WorkingDraft.task_id) == task)
    newest = (col(WorkingDraft.saved_at).desc(), col(WorkingDraft.id).desc())
    for row in db.execute(select(WorkingDraft).where(*wanted).order_by(*newest).limit(10)).scalars():
        form = _opened(keyring, row)
        if number is not None or task or _fits(form, begun):
            return Restored(row.id or 0, form, row.saved_at, row.base_version, row.task_id or 0)
    return None


def _fits(form: EditorForm, begun: EditorForm | None) -> bool:
    """Whether a draft is about the topic a new form begins with, and for the same set or none."""
    return begun is None or (begun.topic in {"", form.topic} and begun.case == form.case)


def _opened(keyring: Keyring, row: WorkingDraft) -> EditorForm:
    """A draft of another release may have fields more or less than this one."""
    opened = json.loads(keyring.open(_PURPOSE, row.ciphertext, _aad(row.bank_id, row.item_id, row.author_id)))
    known = {one.name for one in fields(EditorForm)}
    return EditorForm(**{name: value for name, value in opened.items() if name in known})


def overtaken(db: Session, item: Item | None, tab: Tab) -> ItemVersion | None:
    """The version somebody saved after this page was opened."""
    if item is None or not 0 < tab.base < item.current_version:
        return None
    return current_version(db, item)


def others(db: Session, who: Staff, bank: Bank, item: Item | None, tab: Tab) -> list[WorkingDraft]:
    """Drafts of other windows, newest first; not the one this page shows."""
    wanted = [*_mine(bank, item, who), *_open(), col(WorkingDraft.tab) != tab.name]
    shown = _shown_here(db, who, bank, item, tab)
    if shown is not None:
        wanted.append(col(WorkingDraft.id) != shown.id)
    return list(db.execute(select(WorkingDraft).where(*wanted).order_by(col(WorkingDraft.saved_at).desc()).limit(10)).scalars())


def close(db: Session, who: Staff, bank: Bank, item: Item | None, tab: Tab, *, now: datetime) -> None:
    """What stood on this page is a version now."""
    _drop_own(db, who, bank, item, tab)
    if tab.name:
        row: dict[str, Any] = {"bank_id": bank.id, "item_id": item.id if item else None, "author_id": who.person_id}
        db.add(WorkingDraft(**row, tab=tab.name, base_version=tab.base, ciphertext=b"", saved_at=now))
        db.flush()


def forget(db: Session, who: Staff, bank: Bank, item: Item | None, number: int | None = None) -> None:
    """Throw one draft away, or all of this item."""
    _drop(db, [*_mine(bank, item, who), *([] if number is None else [col(WorkingDraft.id) == number])])


def sweep(db: Session, *, now: datetime) -> int:
    """Throw away what nobody has typed in for a month, and what is left of pages that were saved; how many."""
    size = func.length(col(WorkingDraft.ciphertext))
    old = (size > 0) & (col(WorkingDraft.saved_at) < now - KEPT_FOR)
    closed = (size == 0) & (col(WorkingDraft.saved_at) < now - CLOSED_FOR)
    found = list(db.execute(select(col(WorkingDraft.id)).where(old | closed).limit(1000)).scalars())
    if found:
        _drop(db, [col(WorkingDraft.id).in_(found)])
    return len(found)


def _of_tab(db: Session, who: Staff, bank: Bank, item: Item | None, tab: Tab) -> WorkingDraft | None:
    mine = select(WorkingDraft).where(*_mine(bank, item, who), col(WorkingDraft.tab) == tab.name)
    found: WorkingDraft | None = db.execute(mine.order_by(col(WorkingDraft.id).desc()).limit(1)).scalar()
    return found


def _shown_here(db: Session, who: Staff, bank: Bank, item: Item | None, tab: Tab) -> WorkingDraft | None:
    """The draft this page restored, if the window it comes from has not typed on since."""
    if tab.restored is None:
        return None
    number, stamp = tab.restored
    row: WorkingDraft | None = db.execute(
        select(WorkingDraft).where(*_mine(bank, item, who), *_open(), col(WorkingDraft.id) == number)
    ).scalar()
    return row if row is not None and _stamp(row.saved_at) == stamp else None


def _drop_own(db: Session, who: Staff, bank: Bank, item: Item | None, tab: Tab) -> None:
    """This page's draft, and the one it was restored from."""
    shown = _shown_here(db, who, bank, item, tab)
    numbers = [] if shown is None else [shown.id]
    _drop(db, [*_mine(bank, item, who), (col(WorkingDraft.tab) == tab.name) | col(WorkingDraft.id).in_(numbers)])


def _stamp(at: datetime) -> str:
    return str(int(at.timestamp() * 1_000_000))


def _aad(bank_id: int, item_id: int | None, author_id: int) -> bytes:
    return f"working_draft:{bank_id}:{item_id or 0}:{author_id}".encode()


def _mine(bank: Bank, item: Item | None, who: Staff) -> list[Any]:
    of_item = col(WorkingDraft.item_id).is_(None) if item is None else col(WorkingDraft.item_id) == item.id
    return [col(WorkingDraft.bank_id) == bank.id, col(WorkingDraft.author_id) == who.person_id, of_item]


def _open() -> list[Any]:
    return [func.length(col(WorkingDraft.ciphertext)) > 0]


def _drop(db: Session, where: list[Any]) -> None:
    db.execute(delete(WorkingDraft).where(*where).execution_options(synchronize_session=False))
