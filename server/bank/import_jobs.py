"""Reading and storing items in the child process: the heavy half of an import."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import intake, lint
from itembank.errors import ItemBankError, Message, TooMuchAlike
from itembank.exchange.files import FileOfItems, FileRead
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.mistakes import RowError
from itembank.pool import find_same, get_bank
from itembank.tables import Item
from server.audit import trail
from server.bank.file_reading import leaf_codes, near_rows, read_apart, stem_of, too_much_alike, without_twins
from server.bank.tables import Upload
from server.db import reading, transaction
from server.errors import AppError
from server.jobs import JobContext
from server.pages import _

SHOWN: Final = 2000
SAMPLE_ITEMS: Final = 8


@dataclass(frozen=True)
class Checked:
    """A file against its bank: what is good, what is refused and why, and the file as it was understood."""

    read: FileRead
    items: list[ImportedItem]
    refused: list[RowError]

    @property
    def refused_rows(self) -> int:
        """How many rows have mistakes."""
        return len({one.row for one in self.refused})


def read_items(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Read an upload: what is good, what is refused and why, and the columns as they were understood. Stores nothing."""
    with reading(context.dbs) as db:
        upload = _upload(db, args)
    checked = _checked(context, upload)
    context.progress(2, 3, _("Comparing with the bank"))
    items, refused = checked.items, checked.refused
    try:
        near = _near(context, upload, items)
    except TooMuchAlike as refusal:
        near, items, refused = [], [], [too_much_alike(refusal), *refused]
    notes = checked.read.found.notes
    return {
        "format": checked.read.format,
        "near": near[:SHOWN],
        "near_total": len(near),
        "good": len(items),
        "refused": [_mistake(one) for one in refused[:SHOWN]],
        "refused_total": len(refused),
        "refused_rows": len({one.row for one in refused}),
        "notes": [_mistake(one) for one in notes[:SHOWN]],
        "kinds": dict(Counter(item.body.kind for item in items)),
        "topics": len({item.topic_code for item in items}),
        "figures": len({digest for item in items for digest in item.body.media}),
        "remarks": [_message(finding.message) for finding in _batch_remarks(items)],
        "sample": [_shown(item) for item in items[:SAMPLE_ITEMS]],
        "sheets": list(checked.read.sheets),
    }


def store_items(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Read again and store what is good as a staged batch, which nobody sees until a second person approves it."""
    with reading(context.dbs) as db:
        upload = _upload(db, args)
        bank_id = int(upload.bank_id or 0)
    checked = _checked(context, upload)
    items = checked.items
    if checked.refused and not args.get("only_good"):
        raise AppError(_("Mend the mistakes first, or say that the good rows are to be taken without the others."))
    now = context.clock.now()
    source = intake.Source(upload.name, hashlib.sha256(upload.data or b"").hexdigest(), context.actor.id or 0, now)
    used = {digest for item in items for digest in item.body.media}
    try:
        batch_id = intake.stage_import(
            partial(transaction, context.dbs),
            context.keyring,
            bank_id,
            items,
            {digest: figure for digest, figure in checked.read.found.figures.items() if digest in used},
            source,
            progress=partial(context.progress, step=_("Storing")),
        )
    except ItemBankError as refusal:
        raise AppError(refusal.message.msgid, **refusal.message.params) from refusal
    _open_cases(context, bank_id, batch_id)
    with transaction(context.dbs) as db:
        row = _upload(db, args)
        row.batch_id, row.closed, row.data, row.figures = batch_id, True, None, None
        detail = {"items": len(items), "refused_rows": checked.refused_rows, "format": checked.read.format}
        trail.append(db, context.actor, "items.staged", f"import:{batch_id}", now=now, detail=detail)
    return {"batch_id": batch_id, "items": len(items)}


def _near(context: JobContext, upload: Upload, items: list[ImportedItem]) -> list[dict[str, Any]]:
    from server.bank.twin_jobs import scope_index

    with reading(context.dbs) as db:
        bank = get_bank(db, int(upload.bank_id or 0))
    return near_rows(context.dbs, bank, scope_index(context, bank), items)


def _open_cases(context: JobContext, bank_id: int, batch_id: int) -> None:
    from server.bank.twin_jobs import open_found, scope_index

    with reading(context.dbs) as db:
        bank = get_bank(db, bank_id)
        items = list(db.execute(select(col(Item.id)).where(col(Item.import_batch_id) == batch_id)).scalars())
    open_found(context, scope_index(context, bank), bank, sorted(items))


def _upload(db: Session, args: dict[str, Any]) -> Upload:
    row = db.get(Upload, int(args["upload_id"]))
    if row is None or row.data is None:
        raise AppError(_("The file was given up."))
    return row


def _checked(context: JobContext, upload: Upload) -> Checked:
    """The file read apart, then against the bank's knowledge points and the questions it has."""
    context.progress(0, 3, _("Reading the file"))
    with reading(context.dbs) as db:
        bank = get_bank(db, int(upload.bank_id or 0))
        topics = leaf_codes(db, bank.syllabus_id)
    read = read_apart(file_of(upload, topics), lambda: context.progress(0, 3, _("Reading the file")))
    context.progress(1, 3, _("Checking every row"))
    with reading(context.dbs) as db:
        there = find_same(db, bank, (item.digest.hex() for item in read.found.items))
    items, refused = without_twins(read.found, there)
    return Checked(read, items, refused)


def file_of(upload: Upload, topics: frozenset[str]) -> FileOfItems:
    """An upload with the way of reading it that its options say."""
    options = upload.options
    how = replace(
        Reading(),
        sheet=options.get("sheet"),
        mapping=options.get("mapping") or {},
        default_kind=options.get("default_kind"),
        default_topic=options.get("default_topic"),
        topics=topics,
        key_in_stem=bool(options.get("key_in_stem")),
        letters_meant=bool(options.get("letters_meant")),
        allow_one_correct=bool(options.get("allow_one_correct")),
    )
    difficulty = options.get("default_difficulty")
    return FileOfItems(upload.name, upload.data or b"", upload.figures or b"", options.get("format", ""), how, difficulty)


def _shown(item: ImportedItem) -> dict[str, Any]:
    """Enough of an item to see that it was understood; not its key."""
    return {
        "row": item.row,
        "kind": item.body.kind,
        "topic": item.topic_code,
        "stem": stem_of(item),
        "options": len(item.body.options),
        "difficulty": item.difficulty,
    }


def _batch_remarks(items: Iterable[ImportedItem]) -> list[lint.Finding]:
    return lint.lint_batch(lint.lint_item(item.body, item.key, item.source) for item in items)


def _mistake(one: RowError) -> dict[str, Any]:
    return {
        "row": one.row,
        "column": one.column,
        "header": one.header,
        "value": one.value,
        "problem": _message(one.problem),
        "mend": _message(one.mend),
    }


def _message(message: Message) -> dict[str, Any]:
    return {"msgid": message.msgid, "params": dict(message.params)}
