"""Reading and storing items in the child process: the heavy half of an import."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import intake, lint
from itembank.errors import ItemBankError, Message, msg
from itembank.exchange import xlsx
from itembank.exchange.grid import Grid, Refused, read_grids
from itembank.exchange.item_columns import columns_of
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.item_sheet import whole_sets
from itembank.exchange.mistakes import RowError, column_letter, file_error, shorten
from itembank.pool import find_same, get_bank
from itembank.similarity import bands
from itembank.tables import Item, Topic
from server.audit import trail
from server.bank.figures import read_safe_figure
from server.bank.tables import Upload
from server.db import reading, transaction
from server.errors import AppError
from server.jobs import JobContext
from server.pages import _

SHOWN: Final = 2000
SAMPLE_ROWS: Final = 6
_SAMPLE_CELL: Final = 40
_FIGURES: Final = 2000
_FIGURES_BYTES: Final = 100_000_000


def read_items(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Read an upload: what is good, what is refused and why, and the columns as they were understood. Stores nothing."""
    with reading(context.dbs) as db:
        upload = _upload(db, args)
    context.progress(0, 3, _("Reading the file"))
    sheets = _sheets(upload)
    context.progress(1, 3, _("Checking every row"))
    items, refused, notes = _checked(context, upload)
    context.progress(2, 3, _("Comparing with the bank"))
    near = _near(context, upload, items)
    return {
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
        "sheets": sheets,
    }


def store_items(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Read again and store what is good as a staged batch, which nobody sees until a second person approves it."""
    with reading(context.dbs) as db:
        upload = _upload(db, args)
        bank_id = int(upload.bank_id or 0)
    context.progress(0, 1, _("Reading the file"))
    items, refused, _notes, figures = _read(context, upload)
    if refused and not args.get("only_good"):
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
            {digest: figure for digest, figure in figures.items() if digest in used},
            source,
            progress=partial(context.progress, step=_("Storing")),
        )
    except ItemBankError as refusal:
        raise AppError(refusal.message.msgid, **refusal.message.params) from refusal
    _open_cases(context, bank_id, batch_id)
    with transaction(context.dbs) as db:
        row = _upload(db, args)
        row.batch_id, row.closed, row.data, row.figures = batch_id, True, None, None
        detail = {"items": len(items), "refused_rows": len({one.row for one in refused})}
        trail.append(db, context.actor, "items.staged", f"import:{batch_id}", now=now, detail=detail)
    return {"batch_id": batch_id, "items": len(items)}


def _near(context: JobContext, upload: Upload, items: list[ImportedItem]) -> list[dict[str, Any]]:
    """Rows that are like an item of the bank, or like an earlier row: what people will be asked once they are stored."""
    from itembank.near import among_themselves
    from server.bank.twin_jobs import scope_index, told

    with reading(context.dbs) as db:
        bank = get_bank(db, int(upload.bank_id or 0))
    texts = [bands.texts_of(item.body) for item in items]
    scope = scope_index(context, bank)
    with reading(context.dbs) as db:
        found = scope.find(db, bank, texts)
    there = [{"row": item.row, **told(one)} for item, near in zip(items, found, strict=True) for one in near]
    within = [
        {"row": items[b].row, "other_row": items[a].row, "score": round(score, 3), "variant": variant}
        for a, b, score, variant in among_themselves(texts, [item.body.stimulus for item in items])
    ]
    stems = {item.row: shorten(lint.lint_item(item.body, item.key).stem) for item in items}
    return [one | {"stem": stems[one["row"]]} for one in sorted([*there, *within], key=lambda one: (one["row"], -one["score"]))]


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


def _checked(context: JobContext, upload: Upload) -> tuple[list[ImportedItem], list[RowError], list[RowError]]:
    items, refused, notes, _figures = _read(context, upload)
    return items, refused, notes


def _read(context: JobContext, upload: Upload) -> tuple[list[ImportedItem], list[RowError], list[RowError], Mapping[str, Any]]:
    with reading(context.dbs) as db:
        bank = get_bank(db, int(upload.bank_id or 0))
        leaves = select(col(Topic.code)).where(col(Topic.syllabus_id) == bank.syllabus_id, col(Topic.is_leaf))
        topics = frozenset(db.execute(leaves).scalars())
    files, unsafe = unpack(upload.figures)
    found = xlsx.sort_items(upload.data or b"", how_to_read(upload.options, topics), files)
    with reading(context.dbs) as db:
        there = find_same(db, bank, (item.digest.hex() for item in found.items))
    twins = {item.row: there[item.digest.hex()] for item in found.items if item.digest.hex() in there}
    known = [_twin(item, twins[item.row]) for item in found.items if item.row in twins]
    items, broken = whole_sets(found.items, {item.body.stimulus: item.row for item in found.items if item.row in twins})
    items = [item for item in items if item.row not in twins]
    refused = [*unsafe, *found.refused, *known, *(one for one in broken if one.row not in twins)]
    return items, sorted(refused, key=lambda one: one.row), list(found.notes), found.figures


def _twin(item: ImportedItem, item_id: int) -> RowError:
    return RowError(
        item.row,
        "",
        "",
        shorten(lint.lint_item(item.body, item.key).stem),
        msg("The bank already has this question: item %(item_id)s.", item_id=item_id),
        msg("Delete the row."),
    )


def how_to_read(options: Mapping[str, Any], topics: frozenset[str]) -> Reading:
    """The library's way of reading from an upload's options."""
    return replace(
        Reading(),
        sheet=options.get("sheet"),
        mapping=options.get("mapping") or {},
        default_kind=options.get("default_kind"),
        default_topic=options.get("default_topic"),
        topics=topics,
        key_in_stem=bool(options.get("key_in_stem")),
        allow_one_correct=bool(options.get("allow_one_correct")),
    )


def unpack(data: bytes | None) -> tuple[dict[str, bytes], list[RowError]]:
    """Figures of a ZIP by file name, and mistakes of those that cannot be shown safely or of the archive itself."""
    if not data:
        return {}, []
    files: dict[str, bytes] = {}
    mistakes: list[RowError] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX" not in entry.filename]
            if len(entries) > _FIGURES or sum(entry.file_size for entry in entries) > _FIGURES_BYTES:
                return {}, [file_error(msg("The ZIP holds too much."), msg("Split it: 2,000 figures and 100 MB at most."))]
            for entry in entries:
                name, content = PurePosixPath(_file_name(entry)).name, archive.read(entry)
                if read_safe_figure(content) is None:
                    mistakes.append(
                        file_error(
                            msg("The figure “%(name)s” cannot be shown safely.", name=shorten(name)),
                            msg("Use PNG, JPEG or an SVG without scripts and links, at most 2 MB."),
                            name,
                        )
                    )
                else:
                    files[name] = content
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return {}, [file_error(msg("The ZIP of figures is damaged or protected."), msg("Pack it again and upload that."))]
    return files, mistakes


def _file_name(entry: zipfile.ZipInfo) -> str:
    """Chinese Windows packs names in GBK without saying so; Python then reads them as CP437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gbk")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return entry.filename


def _sheets(upload: Upload) -> list[dict[str, Any]]:
    """Every sheet with its first rows and the columns recognised, for the page that maps them."""
    try:
        grids = read_grids(upload.data or b"")
    except Refused:
        return []
    return [_sheet(grid, upload.options) for grid in grids]


def _sheet(grid: Grid, options: Mapping[str, Any]) -> dict[str, Any]:
    mapping = options.get("mapping") or {}
    best: dict[str, int] = {}
    header = 0
    for row in range(min(20, len(grid.rows))):
        found = columns_of(grid.rows[row], mapping)
        if "stem" in found and len(found) > max(len(best), 1):
            best, header = found, row
    width = min(max(map(len, grid.rows)), 40)
    sample = [
        [shorten(grid.text(row, c))[:_SAMPLE_CELL] for c in range(width)] for row in range(min(SAMPLE_ROWS, len(grid.rows)))
    ]
    return {
        "name": grid.name,
        "rows": len(grid.rows),
        "header": header + 1,
        "letters": [column_letter(c) for c in range(width)],
        "sample": sample,
        "columns": {name: column_letter(place) for name, place in best.items()},
    }


def _batch_remarks(items: list[ImportedItem]) -> list[lint.Finding]:
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
