"""Case sets: the list, writing the text, the set with its questions in order, handing in and reviewing it as a whole."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from itembank import cases, discussion
from itembank.exchange import cells
from itembank.lifecycle import current_version
from itembank.stimulus_tables import Stimulus
from itembank.tables import Bank, ItemState, Vote
from server.audit import trail
from server.auth.staff import Staff
from server.bank import case_view, editor, figures
from server.bank.item_view import shown_html
from server.bank.scope import Fields, ItemReader, Reviewer, Writer, library, own_bank, own_case, own_item, say, text
from server.bank.words import HOW, KINDS, STATES, VOTES
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid, NotFound
from server.pages import _, page, redirect, translate

router = APIRouter()


@router.get("/{bank_id:int}/cases")
def list_cases(request: Request, db: ReadDb, who: ItemReader, bank_id: int) -> Response:
    """The sets of a bank."""
    bank = own_bank(db, who, bank_id)
    return page(request, "bank/cases.html", bank=bank, lines=case_view.listed(db, who, bank), kinds=KINDS, states=STATES)


@dataclass
class TextForm:
    """A set's title and text as typed."""

    title: str = ""
    text: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    def html(self, db: Session, who: Staff, case: Stimulus | None) -> str:
        """The text's HTML; figures that were not uploaded are a problem."""
        made, missing = cells.to_html(self.text, editor.finder(db, who, None, case))
        if missing:
            self.problems["text"] = translate(_("Not uploaded yet: %(names)s"), names=", ".join(missing))
        return made


def _read(fields: FormData) -> TextForm:
    return TextForm(text(fields, "title")[: cases.LONGEST_TITLE], text(fields, "text"))


def _writing(request: Request, db: Session, who: Staff, bank: Bank, case: Stimulus | None, form: TextForm) -> Response:
    html = form.html(db, who, case) if form.text else ""
    preview = shown_html(html, case=str(case.id) if case else "")
    status = 422 if form.problems else 200
    return page(request, "bank/case_edit.html", status=status, bank=bank, case=case, form=form, preview=preview)


@router.get("/{bank_id:int}/cases/new")
def new_case(request: Request, db: ReadDb, who: Writer, bank_id: int) -> Response:
    """An empty text."""
    return _writing(request, db, who, own_bank(db, who, bank_id), None, TextForm())


@router.get("/{bank_id:int}/cases/{case_id:int}/edit")
def edit_case(request: Request, db: ReadDb, who: Writer, bank_id: int, case_id: int) -> Response:
    """The text as it is."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    return _writing(request, db, who, bank, case, TextForm(case.title, editor.typed(cases.wording(db, case).html)))


@router.post("/{bank_id:int}/cases")
def create_case(request: Request, db: Db, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Store a text; questions follow. Or look at it first, or add a figure."""
    return _save(request, db, who, own_bank(db, who, bank_id), None, fields)


@router.post("/{bank_id:int}/cases/{case_id:int}/edit")
def change_case(request: Request, db: Db, who: Writer, bank_id: int, case_id: int, fields: Fields) -> Response:
    """A new wording: a new version of every question on it."""
    bank = own_bank(db, who, bank_id)
    return _save(request, db, who, bank, own_case(db, who, bank, case_id), fields)


def _save(request: Request, db: Session, who: Staff, bank: Bank, case: Stimulus | None, fields: FormData) -> Response:
    form = _read(fields)
    then = text(fields, "then")
    if then == "figure":
        _take_figure(request, db, who, form, fields)
    if then in {"figure", "preview"}:
        return _writing(request, db, who, bank, case, form)
    html = form.html(db, who, case)
    if not form.problems:
        try:
            with library():
                return _store(request, db, who, bank, case, form.title, html)
        except Invalid as refusal:
            form.problems["text"] = " ".join(translate(one.message, **dict(one.params)) for one in refusal.fields)
    return _writing(request, db, who, bank, case, form)


def _store(request: Request, db: Session, who: Staff, bank: Bank, case: Stimulus | None, title: str, html: str) -> Response:
    state = request.app.state
    now = state.clock.now()
    if case is None:
        case = cases.create_set(db, bank.id, title, html, by=who.person_id, now=now)
        trail.append(db, who.actor, "case_set.created", f"case_set:{case.id}", now=now)
        return redirect(request, f"/bank/{bank.id}/cases/{case.id}", _("The text is stored. Write the questions on it now."))
    worded = cases.reword(db, state.keyring, case.id, title, html, by=who.person_id, now=now)
    if worded is None:
        return redirect(request, f"/bank/{bank.id}/cases/{case.id}", _("Saved."))
    detail = {"version": worded.version}
    trail.append(db, who.actor, "case_set.reworded", f"case_set:{case.id}", now=now, detail=detail)
    said = _("The new text is stored; every question has a new version on it. Hand the set in for review.")
    return redirect(request, f"/bank/{bank.id}/cases/{case.id}", said)


def _take_figure(request: Request, db: Session, who: Staff, form: TextForm, fields: FormData) -> None:
    """Take in a figure and put its mark at the end of the text."""
    upload = fields.get("figure")
    if not isinstance(upload, UploadFile) or not upload.size:
        form.problems["figure"] = translate(_("Choose a file first."))
        return
    try:
        figure = figures.take(db, who, upload.file.read(figures.LARGEST + 1), now=request.app.state.clock.now())
    except Invalid as refusal:
        form.problems["figure"] = " ".join(translate(one.message, **dict(one.params)) for one in refusal.fields)
        return
    form.text = f"{form.text}\n{editor.figure_mark(figure.digest)}".strip()


@router.get("/{bank_id:int}/cases/{case_id:int}")
def case_page(request: Request, db: ReadDb, who: ItemReader, bank_id: int, case_id: int) -> Response:
    """The text with its questions in order, as the candidate sees them, with their keys; the review of the set."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    view = case_view.case_view(db, request.app.state.keyring, bank, case)
    in_review = view.state == ItemState.SUBMITTED
    no_vote = cases.may_vote(db, case, who.person_id) if in_review else None
    return page(
        request,
        "bank/case.html",
        bank=bank,
        case=case,
        view=view,
        in_review=in_review,
        no_vote=say(no_vote) if no_vote else "",
        may_recall=in_review and who.person_id in cases.writers_of(db, case.id, cases.in_review(db, case.id)),
        may_submit=not in_review and any(question.item.state == ItemState.DRAFT for question in view.questions),
        needed=bank.votes_needed,
        kinds=KINDS,
        how=HOW,
        states=STATES,
        votes=VOTES,
        say=say,
    )


@router.post("/{bank_id:int}/cases/{case_id:int}/move")
def move_question(
    request: Request,
    db: Db,
    who: Writer,
    bank_id: int,
    case_id: int,
    item: Annotated[int, Form()] = 0,
    way: Annotated[str, Form()] = "",
) -> Response:
    """Exchange a question with the one before or after it."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    if own_item(db, who, bank, item).stimulus_id != case.id or way not in {"up", "down"}:
        raise NotFound
    cases.move(db, item, up=way == "up")
    detail = {"item": item, "way": way}
    trail.append(db, who.actor, "case_set.moved", f"case_set:{case.id}", now=request.app.state.clock.now(), detail=detail)
    return redirect(request, f"/bank/{bank_id}/cases/{case_id}#item-{item}")


@router.post("/{bank_id:int}/cases/{case_id:int}/submit")
def submit_case(request: Request, db: Db, who: Writer, bank_id: int, case_id: int) -> Response:
    """Hand in all that is new of the set."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    state = request.app.state
    now = state.clock.now()
    with library():
        new = cases.submit(db, state.keyring, case.id, by=who.person_id, now=now)
    numbers = [item.id for item in new]
    state.jobs.submit(db, "bank.compare_items", {"bank_id": bank.id, "items": numbers}, who.actor)
    trail.append(db, who.actor, "case_set.submitted", f"case_set:{case.id}", now=now, detail={"items": numbers})
    return redirect(request, f"/bank/{bank_id}/cases/{case_id}", _("Handed in for review."))


@router.post("/{bank_id:int}/cases/{case_id:int}/recall")
def recall_case(request: Request, db: Db, who: Writer, bank_id: int, case_id: int) -> Response:
    """Take the set back while nobody has voted on it."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    with library():
        numbers = [item.id for item in cases.recall(db, case.id, by=who.person_id)]
    now = request.app.state.clock.now()
    trail.append(db, who.actor, "case_set.recalled", f"case_set:{case.id}", now=now, detail={"items": numbers})
    return redirect(request, f"/bank/{bank_id}/cases/{case_id}", _("Taken back: it is a draft again."))


@router.post("/{bank_id:int}/cases/{case_id:int}/vote")
def vote_on_case(request: Request, db: Db, who: Reviewer, bank_id: int, case_id: int, fields: Fields) -> Response:
    """Approve the whole set, or send it back with remarks: on the set (`note`) or on a question (`on.NUMBER`)."""
    bank = own_bank(db, who, bank_id)
    case = own_case(db, who, bank, case_id)
    choice, note = text(fields, "choice"), text(fields, "note")[: discussion.LONGEST]
    if choice not in set(Vote):
        raise Invalid(fields=[FieldError("choice", _("Approve, or ask for changes."))])
    state, now = request.app.state, request.app.state.clock.now()
    with library():
        waiting = cases.in_review(db, case.id)
        said = {item.id: words for item in waiting if (words := text(fields, f"on.{item.id}"))}
        if choice == Vote.RETURN and not (note or said):
            raise Invalid(fields=[FieldError("note", _("Say what has to change: the writer reads it."))])
        read = _read_versions(text(fields, "versions"))
        decided = cases.vote(db, case.id, Vote(choice), by=who.person_id, now=now, note=note, read=read)
        for item in waiting:
            for words in filter(None, (said.get(item.id, ""), note if choice == Vote.RETURN else "")):
                discussion.add(db, state.keyring, current_version(db, item).id, words, by=who.person_id, now=now)
    detail = {"vote": choice, "items": [item.id for item in waiting], "remarks": len(said) + bool(note), "state": decided}
    trail.append(db, who.actor, "case_set.reviewed", f"case_set:{case.id}", now=now, detail=detail)
    words = _("Your vote is recorded.") if decided == ItemState.SUBMITTED else _("Your vote is recorded and the set is decided.")
    return redirect(request, f"/bank/{bank_id}/cases/{case_id}", words)


def _read_versions(shown: str) -> dict[int, int] | None:
    """``505.1 506.2``: which versions the page showed; None for a form that does not say."""
    pairs = [one.partition(".") for one in shown.split()]
    if not pairs or not all(item.isdecimal() and version.isdecimal() for item, _dot, version in pairs):
        return None
    return {int(item): int(version) for item, _dot, version in pairs}
