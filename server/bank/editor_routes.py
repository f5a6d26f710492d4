"""Writing an item: the form, the live preview that also keeps what was typed, figures, saving, handing in for review."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from itembank import discussion, lifecycle
from itembank.items import CASE_SET
from itembank.lifecycle import current_version
from itembank.tables import Item, ItemState
from server.audit import trail
from server.auth.staff import Staff
from server.bank import drafts, editor, figures, tasks
from server.bank.editor import EditorForm
from server.bank.editor_page import Editing, sent
from server.bank.scope import Fields, Writer, library, own_bank, own_item, say, text
from server.bank.words import KINDS
from server.db import Db, ReadDb
from server.errors import Conflict, FieldError, Invalid
from server.pages import _, redirect, translate, wants_fragment

router = APIRouter()


class Begun(BaseModel):
    """What a link to a new item may say; odd values count as none."""

    topic: str = ""
    kind: str = ""
    task: int | None = None
    draft: int | None = None
    case: str = ""


@router.get("/{bank_id:int}/items/new")
def new_item(request: Request, db: ReadDb, who: Writer, bank_id: int, begun: Annotated[Begun, Query()]) -> Response:
    """An empty form, for a task where one is named; or what this writer typed last for it and did not save."""
    bank = own_bank(db, who, bank_id)
    if begun.kind == CASE_SET:
        return redirect(request, f"/bank/{bank.id}/cases/new")
    task = tasks.open_task(db, who, bank, begun.task)
    kind = begun.kind or (task.kind if task else "")
    form = EditorForm(kind=kind if kind in KINDS else "single", topic=begun.topic or (task.topic if task else ""))
    if task is not None and task.difficulty:
        form.difficulty = task.difficulty
    if begun.case.isdecimal() and len(begun.case) < 10:
        form.case = begun.case
    editing = Editing(request, db, who, bank, None, form, drafts.new_tab(0, task.id if task else 0))
    return editing.show(restored=editing.restored(begun.draft))


@router.get("/{bank_id:int}/items/{item_id:int}/edit")
def edit_item(request: Request, db: ReadDb, who: Writer, bank_id: int, item_id: int, draft: int | None = None) -> Response:
    """The form with the newest version in it, or what was typed over it and not saved."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    refusal = lifecycle.may_revise(item.state)
    if refusal is not None:
        raise Conflict(refusal.msgid, **refusal.params)
    form = editor.form_of(db, request.app.state.keyring, item, current_version(db, item))
    editing = Editing(request, db, who, bank, item, form, drafts.new_tab(item.current_version))
    return editing.show(restored=editing.restored(draft))


@router.post("/{bank_id:int}/items/preview")
def preview_new(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """What the candidate will see, and what a reviewer would remark; what was typed is kept."""
    return _preview(sent(request, db, who, bank_id, None, fields))


@router.post("/{bank_id:int}/items/{item_id:int}/preview")
def preview_changed(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """The same for a revision."""
    return _preview(sent(request, db, who, bank_id, item_id, fields))


def _preview(editing: Editing) -> Response:
    kept = editing.keep()
    return editing.preview(kept) if wants_fragment(editing.request) else editing.show(kept=kept)


@router.post("/{bank_id:int}/items/figure")
def add_figure(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Take in a figure and put its mark at the end of the text."""
    return _figure(sent(request, db, who, bank_id, None, fields), fields)


@router.post("/{bank_id:int}/items/{item_id:int}/figure")
def add_figure_to(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """The same for a revision."""
    return _figure(sent(request, db, who, bank_id, item_id, fields), fields)


def _figure(editing: Editing, fields: FormData) -> Response:
    upload = fields.get("figure")
    problems = {}
    if isinstance(upload, UploadFile) and upload.size:
        try:
            figure = figures.take(editing.db, editing.who, upload.file.read(figures.LARGEST + 1), now=editing.now)
            editing.form.stem = f"{editing.form.stem}\n{editor.figure_mark(figure.digest)}".strip()
        except Invalid as refusal:
            problems = _by_field(refusal.fields)
    else:
        problems = {"figure": translate(_("Choose a file first."))}
    return editing.kept_page(problems, 422 if problems else 200)


@router.post("/{bank_id:int}/items/discard")
def discard_new(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Forget what was typed for a new item: one draft, or all."""
    drafts.forget(db, who, own_bank(db, who, bank_id), None, _draft(fields))
    return redirect(request, f"/bank/{bank_id}/items/new")


@router.post("/{bank_id:int}/items/{item_id:int}/discard")
def discard_changes(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Forget what was typed over the stored version: one draft, or all."""
    bank = own_bank(db, who, bank_id)
    drafts.forget(db, who, bank, own_item(db, who, bank, item_id), _draft(fields))
    return redirect(request, f"/bank/{bank_id}/items/{item_id}/edit")


def _draft(fields: FormData) -> int | None:
    number = text(fields, "draft")
    return int(number) if number.isdecimal() and len(number) < 10 else None


@router.post("/{bank_id:int}/items")
def create_item(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Save a new item, and hand it in for review when asked."""
    return _save(sent(request, db, who, bank_id, None, fields), fields)


@router.post("/{bank_id:int}/items/{item_id:int}/edit")
def change_item(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Save a further version."""
    return _save(sent(request, db, who, bank_id, item_id, fields), fields)


def _save(editing: Editing, fields: FormData) -> Response:
    db, who, bank, form = editing.db, editing.who, editing.bank, editing.form
    if drafts.overtaken(db, editing.item, editing.tab) is not None:
        return editing.kept_page({}, 409)
    reading = editor.read(db, who, bank, form, editing.item)
    topic = editor.find_leaf(db, bank, form.topic)
    problems = {p.field: f"{say(p.problem)} {say(p.mend)}" for p in reading.problems} | editor.given_away(reading, fields)
    if topic is None:
        problems["topic"] = translate(_("Choose the knowledge point this item belongs to."))
    if reading.missing_figures:
        problems["stem"] = translate(_("A figure that is named here was not uploaded."))
    if problems or topic is None:
        return editing.kept_page(problems, 422)
    with library():
        stored = _store(editing, editor.draft_of(form, reading, topic.id))
        drafts.close(db, who, bank, editing.item, editing.tab, now=editing.now)
        counted = _count(editing, stored)
        if text(fields, "then") in {"submit", "next"} and stored.stimulus_id is None:
            _submit(editing.request, db, who, stored)
    return _on(editing, stored, text(fields, "then"), counted=counted)


def _count(editing: Editing, stored: Item) -> bool:
    """Put a new item down to the task it was begun for; whether that is so, or there is no task."""
    task = tasks.open_task(editing.db, editing.who, editing.bank, editing.tab.task)
    if task is None or editing.item is not None:
        return True
    fits = tasks.counts_for(task, editing.form.topic, editing.form.kind)
    if fits:
        tasks.link(editing.db, task, stored, now=editing.now)
    return fits


def _on(editing: Editing, stored: Item, then: str, *, counted: bool) -> Response:
    """Where a writer goes after saving."""
    said = _("Saved as a draft.") if then not in {"submit", "next"} else _("Handed in for review.")
    page = f"/bank/{editing.bank.id}/items/{stored.id}"
    if stored.stimulus_id is not None:
        page = f"/bank/{editing.bank.id}/cases/{stored.stimulus_id}#item-{stored.id}"
        said = _("The question is saved. Hand in the set when it is complete.")
    tone = "ok"
    if not counted:
        said, tone = _("Saved, but it does not count for the task: that asks for another topic or kind."), "warn"
    if then == "next" and stored.stimulus_id is None:
        page = f"/bank/{editing.bank.id}/items/new" + (f"?task={editing.tab.task}" if editing.tab.task else "")
    return redirect(editing.request, page, said, tone=tone)


def _store(editing: Editing, draft: lifecycle.Draft) -> Item:
    db, who, item, now = editing.db, editing.who, editing.item, editing.now
    keyring = editing.request.app.state.keyring
    if item is None:
        item = lifecycle.create_item(db, keyring, editing.bank.id, draft, by=who.person_id, now=now)
        trail.append(db, who.actor, "item.created", f"item:{item.id}", now=now)
        return item
    if editor.is_same(db, keyring, item, current_version(db, item), draft):
        return item
    version = lifecycle.revise(db, keyring, item.id, draft, by=who.person_id, now=now, base=editing.tab.base or None)
    if editing.form.change:
        discussion.add(db, keyring, version.id, editing.form.change, by=who.person_id, now=now, field=discussion.CHANGE)
    trail.append(db, who.actor, "item.revised", f"item:{item.id}", now=now, detail={"version": version.version})
    return item


@router.post("/{bank_id:int}/items/{item_id:int}/submit")
def submit_item(request: Request, db: Db, who: Writer, bank_id: int, item_id: int) -> Response:
    """Hand a draft in for review as it is."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    with library():
        _submit(request, db, who, item)
    return redirect(request, f"/bank/{bank_id}/items/{item_id}", _("Handed in for review."))


def _submit(request: Request, db: Db, who: Staff, item: Item) -> None:
    lifecycle.submit(db, item.id, by=who.person_id)
    request.app.state.jobs.submit(db, "bank.compare_items", {"bank_id": item.bank_id, "items": [item.id]}, who.actor)
    version = item.current_version
    trail.append(
        db, who.actor, "item.submitted", f"item:{item.id}", now=request.app.state.clock.now(), detail={"version": version}
    )


@router.post("/{bank_id:int}/items/{item_id:int}/retire")
def retire_item(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Take an item out of use for good, with a reason."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    reason = text(fields, "reason")[:300]
    if "bank_manager" not in who.roles and item.author_id != who.person_id:
        raise Conflict(_("Only the writer of an item or a bank manager takes it out of use."))
    if item.state in {ItemState.RETIRED, ItemState.QUARANTINED}:
        raise Conflict(_("This item is out of use already."))
    if not reason:
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    lifecycle.retire(db, item.id)
    now = request.app.state.clock.now()
    trail.append(db, who.actor, "item.retired", f"item:{item.id}", now=now, detail={"reason": reason})
    return redirect(request, f"/bank/{bank_id}/items/{item_id}", _("The item is out of use."), tone="warn")


def _by_field(fields: list[FieldError]) -> dict[str, str]:
    return {problem.field: translate(problem.message, **dict(problem.params)) for problem in fields}
