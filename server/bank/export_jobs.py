"""Making the file of an export that was agreed to, in the child process."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlmodel import Session, col

from itembank import keys
from itembank.exchange.figures import Figure
from itembank.exchange.formats import FORMATS, Format, losses
from itembank.exchange.outgoing import Mark, file_name
from itembank.items import ItemBody, ItemKeyData
from itembank.pool import get_bank
from itembank.tables import Bank, Item, ItemVersion, Media, Topic
from server.audit import trail
from server.bank import item_list
from server.bank.export_rules import KEPT_FOR
from server.bank.export_tables import ItemExport, ItemExportFile
from server.bank.item_exports import PURPOSE, aad
from server.bank.scope import names
from server.db import reading, transaction
from server.errors import AppError, Conflict
from server.jobs import JobContext
from server.pages import _, beijing

_CHUNK: Final = 500
_SHOWN: Final = 500
_MOST_BYTES: Final = 150_000_000


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """One item as writers want it (`exchange.writing.WritableItem`); `reference` is its number in the bank."""

    body: ItemBody
    key: ItemKeyData | None
    topic_code: str
    difficulty: int | None
    source: str
    reference: str
    cognitive: str


def make(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Write, mark and seal the file; the result says how many items are in it and what of them is not."""
    now = context.clock.now()
    with reading(context.dbs) as db:
        row = _agreed(db, int(args["export_id"]), now)
        bank = get_bank(db, row.bank_id)
        mark = mark_of(row, bank, names(db, (row.asked_by, row.decided_by)))
    items = list(_items(context, bank, row))
    context.progress(2, 3, _("Writing the file"))
    found = FORMATS[row.format]
    with reading(context.dbs) as db:
        figures = _figures(db, items)
    held = [item for item in items if found.can_hold(item)]
    name, media_type, data = _written(found, held, figures, mark, now, f"{bank.code}-{row.id}")
    lost = [{"item": items[one.row - 1].reference, "problem": _message(one.problem)} for one in losses(found, items, figures)]
    result = {
        "items": len(held),
        "left_out": row.item_count - len(held),
        "lost": lost[:_SHOWN],
        "lost_total": len(lost),
    }
    digest = hashlib.sha256(data).hexdigest()
    about = {"name": name, "media_type": media_type, "sha256": digest, "size": len(data), "result": result, "made_at": now}
    sealed = context.keyring.seal(PURPOSE, data, aad(int(row.id or 0)))
    with transaction(context.dbs) as db:
        mine = (col(ItemExportFile.export_id) == row.id, col(ItemExportFile.job_id) == context.job_id)
        if db.execute(update(ItemExportFile).where(*mine).values(**about, ciphertext=sealed)).rowcount != 1:  # type: ignore[attr-defined]
            raise Conflict(_("The file is being made by somebody else."))
        detail = {"items": len(held), "left_out": result["left_out"], "sha256": digest, "bytes": len(data)}
        trail.append(db, context.actor, "items.export_made", f"item_export:{row.id}", now=now, detail=detail)
    return {"items": len(held)}


def _agreed(db: Session, export_id: int, now: datetime) -> ItemExport:
    row = db.get(ItemExport, export_id)
    if row is None or not row.agreed or row.decided_at is None or now >= row.decided_at + KEPT_FOR:
        raise AppError(_("Nobody has agreed to this export, or it was too long ago."))
    return row


def mark_of(row: ItemExport, bank: Bank, people: Mapping[int | None, str]) -> Mark:
    """Who, when and why, as it is written into the file. In Chinese: that is what the file is in."""
    asked, agreed = people[row.asked_by], people[row.decided_by]
    keys_word = "含答案和解析" if row.with_keys else "不含答案"
    return Mark(
        f"导出第{row.id}号 {asked}/{agreed} {beijing(row.decided_at)}",
        (
            f"机考系统试题导出第 {row.id} 号",
            f"题库：{bank.name}（{bank.code}）；{row.item_count} 题，{keys_word}",
            f"申请：{asked}，{beijing(row.asked_at)}；事由：{row.reason}",
            f"同意：{agreed}，{beijing(row.decided_at)}",
            "仅限上述事由使用，不得转发；用后销毁。",
        ),
    )


def _items(context: JobContext, bank: Bank, row: ItemExport) -> Iterator[ExportedItem]:
    """The items agreed to, but for those a form has come to hold since, in the order they were asked for."""
    for start in range(0, len(row.versions), _CHUNK):
        context.progress(start, len(row.versions), _("Reading the items"))
        wanted = row.versions[start : start + _CHUNK]
        with reading(context.dbs) as db:
            answers = keys.key_data(db, context.keyring, wanted) if row.with_keys else {}
            found = db.execute(
                select(ItemVersion, col(Topic.code), col(Item.id))
                .join(Item, col(Item.id) == col(ItemVersion.item_id))
                .join(Topic, col(Topic.id) == col(Item.topic_id))
                .where(col(ItemVersion.id).in_(wanted), col(Item.bank_id) == bank.id, ~item_list.held(bank))
            )
            by_id = {version.id: _item(version, code, number, answers.get(version.id)) for version, code, number in found}
        yield from (by_id[number] for number in wanted if number in by_id)


def _item(version: ItemVersion, code: str, number: int, key: ItemKeyData | None) -> ExportedItem:
    body = ItemBody.model_validate(version.body)
    return ExportedItem(body, key, code, version.difficulty, version.source_clause, str(number), version.cognitive)


def _figures(db: Session, items: Sequence[ExportedItem]) -> dict[str, Figure]:
    """The pictures these items show, by digest."""
    wanted = sorted({digest for item in items for digest in _media(item)})
    found: dict[str, Figure] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = db.execute(select(Media).where(col(Media.digest).in_(wanted[start : start + _CHUNK]))).scalars()
        found.update({row.digest: Figure(row.digest, row.type, row.data) for row in rows})
        if sum(len(figure.data) for figure in found.values()) > _MOST_BYTES:
            raise AppError(_("The figures of these items are too much for one file: narrow the choice and ask again."))
    return found


def _media(item: ExportedItem) -> frozenset[str]:
    from itembank.markup import media_of

    return item.body.media | media_of(item.key.rationale_html if item.key is not None else "")


def _written(
    found: Format, items: list[ExportedItem], figures: Mapping[str, Figure], mark: Mark, now: datetime, stem: str
) -> tuple[str, str, bytes]:
    """Name, media type and bytes; a ZIP where figures have to lie beside the file."""
    assert found.write is not None
    try:
        data = found.write(items, now=now, figures=figures, mark=mark)
    except ValueError as error:
        raise AppError(_("A text is too long for this format: choose another and ask again.")) from error
    name = f"{stem}{found.extensions[0]}"
    used = sorted({digest for item in items for digest in _media(item)} & figures.keys())
    if found.holds.pictures or not used:
        return name, found.media_type, data
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        archive.writestr("README.txt", "\r\n".join(mark.lines).encode("utf-8-sig"))
        for digest in used:
            archive.writestr(f"figures/{file_name(digest, figures)}", figures[digest].data)
    return f"{stem}.zip", "application/zip", out.getvalue()


def _message(message: Any) -> dict[str, Any]:
    return {"msgid": message.msgid, "params": dict(message.params)}
