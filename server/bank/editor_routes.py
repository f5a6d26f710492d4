"""Writing an item: the form, the live preview that also keeps what was typed, figures, saving, handing in for review."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile

from itembank import lifecycle
from itembank.items import letter
from itembank.lifecycle import current_version
from itembank.tables import Bank, Item, ItemState
from server.audit import trail
from server.auth.staff import Staff
from server.bank import editor, figures, item_list
from server.bank.editor import EditorForm, Reading
from server.bank.scope import Fields, Writer, library, own_bank, own_item, say, text
from server.bank.words import HOW, KINDS
from server.db import Db, ReadDb
from server.errors import Conflict, FieldError, Invalid
from server.pages import _, fragment, page, redirect, translate, wants_fragment

router = APIRouter()


@router.get("/{bank_id:int}/items/new")
def new_item(request: Request, db: ReadDb, who: Writer, bank_id: int, topic: str = "", kind: str = "single") -> Response:
    """An empty form, or what this writer typed last and did not save."""
    bank = own_bank(db, who, bank_id)
    blank = EditorForm(kind=kind if kind in KINDS else "single", topic=topic)
    return _open(request, db, who, bank, None, blank)


@router.get("/{bank_id:int}/items/{item_id:int}/edit")
def edit_item(request: Request, db: ReadDb, who: Writer, bank_id: int, item_id: int) -> Response:
    """The form with the newest version in it."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, bank, item_id)
    refusal = lifecycle.may_revise(item.state)
    if refusal is not None:
        raise Conflict(refusal.msgid, **refusal.params)
    form = editor.form_of(db, request.app.state.keyring, item, current_version(db, item))
    return _open(request, db, who, bank, item, form)


def _open(request: Request, db: ReadDb, who: Staff, bank: Bank, item: Item | None, form: EditorForm) -> Response:
    kept = editor.kept(db, request.app.state.keyring, who, bank, item)
    if kept is not None:
        form = kept[0]
    reading = None if form.is_blank else editor.read(db, who, bank, form, item)
    return _editor(request, db, bank, item, form, reading, restored=kept[1] if kept else None)


def _editor(
    request: Request, db: ReadDb, bank: Bank, item: Item | None, form: EditorForm, reading: Reading | None, **more: Any
) -> Response:
    context = _context(bank, item, form, reading)
    context |= {
        "topics": item_list.topic_choices(db, bank),
        "restored": None,
        "problems": {},
        "rows": editor.ROWS,
        "letter": letter,
    }
    status = more.pop("status", 200)
    return page(request, "bank/editor.html", status=status, **(context | more))


def _context(bank: Bank, item: Item | None, form: EditorForm, reading: Reading | None) -> dict[str, Any]:
    return {
        "bank": bank,
        "item": item,
        "form": form,
        "reading": reading,
        "kinds": KINDS,
        "how": HOW,
        "say": say,
        "kept_at": None,
        "where": _where,
        "base": f"/bank/{bank.id}/items/{item.id}" if item else f"/bank/{bank.id}/items",
    }


def _where(field: str) -> str:
    """The field of a remark in words."""
    name, _dot, number = field.partition(".")
    if name == "options" and number:
        return translate(_("Option %(letter)s"), letter=letter(int(number)))
    words = {"stem": _("Text"), "options": _("Options"), "key": _("Answer"), "source": _("Source clause"), "kind": _("Item kind")}
    return translate(words[name]) if name in words else ""


@router.post("/{bank_id:int}/items/preview")
def preview_new(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """What the candidate will see, and what a reviewer would remark."""
    return _preview(request, db, who, own_bank(db, who, bank_id), None, fields)


@router.post("/{bank_id:int}/items/{item_id:int}/preview")
def preview_changed(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """The same for a revision."""
    bank = own_bank(db, who, bank_id)
    return _preview(request, db, who, bank, own_item(db, bank, item_id), fields)


def _preview(request: Request, db: Db, who: Staff, bank: Bank, item: Item | None, fields: FormData) -> Response:
    state = request.app.state
    now = state.clock.now()
    form = editor.read_form(fields)
    editor.keep(db, state.keyring, who, bank, item, form, now=now)
    reading = None if form.is_blank else editor.read(db, who, bank, form, item)
    if wants_fragment(request):
        return fragment(request, "bank/editor.html", "preview", **_context(bank, item, form, reading) | {"kept_at": now})
    return _editor(request, db, bank, item, form, reading, kept_at=now)


@router.post("/{bank_id:int}/items/figure")
def add_figure(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Take in a figure and put its mark at the end of the text."""
    return _figure(request, db, who, own_bank(db, who, bank_id), None, fields)


@router.post("/{bank_id:int}/items/{item_id:int}/figure")
def add_figure_to(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """The same for a revision."""
    bank = own_bank(db, who, bank_id)
    return _figure(request, db, who, bank, own_item(db, bank, item_id), fields)


def _figure(request: Request, db: Db, who: Staff, bank: Bank, item: Item | None, fields: FormData) -> Response:
    form = editor.read_form(fields)
    upload = fields.get("figure")
    problems = {}
    if isinstance(upload, UploadFile) and upload.size:
        try:
            figure = figures.take(db, who, upload.file.read(figures.LARGEST + 1), now=request.app.state.clock.now())
            form.stem = f"{form.stem}\n{editor.figure_mark(figure.digest)}".strip()
        except Invalid as refusal:
            problems = _by_field(refusal.fields)
    else:
        problems = {"figure": translate(_("Choose a file first."))}
    editor.keep(db, request.app.state.keyring, who, bank, item, form, now=request.app.state.clock.now())
    reading = None if form.is_blank else editor.read(db, who, bank, form, item)
    return _editor(request, db, bank, item, form, reading, problems=problems, status=422 if problems else 200)


@router.post("/{bank_id:int}/items/discard")
def discard_new(request: Request, db: Db, who: Writer, bank_id: int) -> Response:
    """Forget what was typed for a new item."""
    editor.forget(db, who, own_bank(db, who, bank_id), None)
    return redirect(request, f"/bank/{bank_id}/items/new")


@router.post("/{bank_id:int}/items/{item_id:int}/discard")
def discard_changes(request: Request, db: Db, who: Writer, bank_id: int, item_id: int) -> Response:
    """Forget what was typed over the stored version."""
    bank = own_bank(db, who, bank_id)
    editor.forget(db, who, bank, own_item(db, bank, item_id))
    return redirect(request, f"/bank/{bank_id}/items/{item_id}/edit")


@router.post("/{bank_id:int}/items")
def create_item(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Save a new item, and hand it in for review when asked."""
    return _save(request, db, who, own_bank(db, who, bank_id), None, fields)


@router.post("/{bank_id:int}/items/{item_id:int}/edit")
def change_item(request: Request, db: Db, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Save a further version."""
    bank = own_bank(db, who, bank_id)
    return _save(request, db, who, bank, own_item(db, bank, item_id), fields)


def _save(request: Request, db: Db, who: Staff, bank: Bank, item: Item | None, fields: FormData) -> Response:
    form = editor.read_form(fields)
    reading = editor.read(db, who, bank, form, item)
    topic = editor.find_leaf(db, bank, form.topic)
    problems = {p.field: f"{say(p.problem)} {say(p.mend)}" for p in reading.problems}
    if topic is None:
        problems["topic"] = translate(_("Choose the knowledge point this item belongs to."))
    if reading.missing_figures:
        problems["stem"] = translate(_("A figure that is named here was not uploaded."))
    if problems or topic is None:
        editor.keep(db, request.app.state.keyring, who, bank, item, form, now=request.app.state.clock.now())
        return _editor(request, db, bank, item, form, reading, problems=problems, status=422)
    with library():
        stored = _store(request, db, who, bank, item, editor.draft_of(form, reading, topic.id))
        editor.forget(db, who, bank, item)
        if text(fields, "then") == "submit":
            _submit(request, db, who, stored)
            return redirect(request, f"/bank/{bank.id}/items/{stored.id}", _("Handed in for review."))
    return redirect(request, f"/bank/{bank.id}/items/{stored.id}", _("Saved as a draft."))


def _store(request: Request, db: Db, who: Staff, bank: Bank, item: Item | None, draft: lifecycle.Draft) -> Item:
    state = request.app.state
    now = state.clock.now()
    if item is None:
        item = lifecycle.create_item(db, state.keyring, bank.id, draft, by=who.person_id, now=now)
        trail.append(db, who.actor, "item.created", f"item:{item.id}", now=now)
        return item
    if editor.is_same(db, state.keyring, item, current_version(db, item), draft):
        return item
    version = lifecycle.revise(db, state.keyring, item.id, draft, by=who.person_id, now=now)
    trail.append(db, who.actor, "item.revised", f"item:{item.id}", now=now, detail={"version": version.version})
    return item


@router.post("/{bank_id:int}/items/{item_id:int}/submit")
def submit_item(request: Request, db: Db, who: Writer, bank_id: int, item_id: int) -> Response:
    """Hand a draft in for review as it is."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, bank, item_id)
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
    item = own_item(db, bank, item_id)
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
