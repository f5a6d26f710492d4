"""Whose bank it is, and how the library's refusals become answers.

Every route that takes an id goes through `own_bank` or `own_item`: another institution's ids answer 404, like ids that
do not exist.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlmodel import Session, col
from starlette.datastructures import FormData

from itembank import errors
from itembank.errors import Message
from itembank.stimulus_tables import Stimulus
from itembank.tables import Bank, BatchState, Blueprint, Form, ImportBatch, Item, PaperSet, Syllabus
from server.auth.staff import Staff, allow
from server.auth.tables import Person
from server.bank import reach
from server.bank.words import FORM_STATES
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.pages import _, translate

BankReader = Annotated[Staff, Depends(allow("bank.read"))]
ItemReader = Annotated[Staff, Depends(allow("item.read"))]
Writer = Annotated[Staff, Depends(allow("item.write"))]
Reviewer = Annotated[Staff, Depends(allow("item.review"))]
Importer = Annotated[Staff, Depends(allow("item.import"))]
Exporter = Annotated[Staff, Depends(allow("item.export"))]
ExportDecider = Annotated[Staff, Depends(allow("item.export_decide"))]
SyllabusImporter = Annotated[Staff, Depends(allow("syllabus.import"))]
BlueprintWriter = Annotated[Staff, Depends(allow("blueprint.write"))]
PaperReader = Annotated[Staff, Depends(allow("paper.read"))]
PaperMaker = Annotated[Staff, Depends(allow("paper.make"))]
Expert = Annotated[Staff, Depends(allow("paper.review"))]
BankSetter = Annotated[Staff, Depends(allow("bank.set"))]
PaperExporter = Annotated[Staff, Depends(allow("paper.export"))]
Withdrawer = Annotated[Staff, Depends(allow("paper.withdraw"))]

_MAX_FIELDS = 2000
_MAX_PART = 1_000_000


async def _form(request: Request) -> AsyncIterator[FormData]:
    async with request.form(max_files=20, max_fields=_MAX_FIELDS, max_part_size=_MAX_PART) as fields:
        yield fields


Fields = Annotated[FormData, Depends(_form)]
"""The fields of a form whose names depend on the data (topics, options, columns)."""


def text(fields: FormData, name: str, default: str = "") -> str:
    """One text field, trimmed; `default` when it is absent or a file."""
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else default


def own_bank(db: Session, who: Staff, bank_id: int) -> Bank:
    """The bank; `NotFound` when it is not of this person's institution."""
    bank = db.get(Bank, bank_id)
    if bank is None or bank.institution_id != who.institution_id:
        raise NotFound
    return bank


def own_syllabus(db: Session, who: Staff, syllabus_id: int) -> Syllabus:
    """A content table of this person's institution."""
    row = db.get(Syllabus, syllabus_id)
    if row is None or row.institution_id != who.institution_id:
        raise NotFound
    return row


def own_item(db: Session, who: Staff, bank: Bank, item_id: int) -> Item:
    """An item of this bank that this person may see: where the bank says so, a writer's own ones and those asked of them."""
    item = db.get(Item, item_id)
    if item is None or item.bank_id != bank.id or not reach.sees(db, who, bank, item_id):
        raise NotFound
    return item


def own_case(db: Session, who: Staff, bank: Bank, stimulus_id: int) -> Stimulus:
    """A case set of this bank that this person may see; one of an import that is not published yet does not exist."""
    row = db.get(Stimulus, stimulus_id)
    there = row is not None and row.bank_id == bank.id and is_published(db, row.import_batch_id)
    if row is None or not there or not reach.sees_case(db, who, bank, stimulus_id):
        raise NotFound
    return row


def is_published(db: Session, batch_id: int | None) -> bool:
    """Whether what this import brought in exists for anybody; what was written by hand always does."""
    if batch_id is None:
        return True
    batch = db.get(ImportBatch, batch_id)
    return batch is not None and batch.state == BatchState.PUBLISHED


def own_blueprint(db: Session, bank: Bank, blueprint_id: int) -> Blueprint:
    """A blueprint of this bank."""
    row = db.get(Blueprint, blueprint_id)
    if row is None or row.bank_id != bank.id:
        raise NotFound
    return row


def own_papers(db: Session, bank: Bank, paper_set_id: int) -> PaperSet:
    """A paper set of this bank."""
    row = db.get(PaperSet, paper_set_id)
    if row is None or row.bank_id != bank.id:
        raise NotFound
    return row


def own_form(db: Session, papers: PaperSet, form_id: int) -> Form:
    """A form of this set."""
    row = db.get(Form, form_id)
    if row is None or row.paper_set_id != papers.id:
        raise NotFound
    return row


def own_batch(db: Session, bank: Bank, batch_id: int) -> ImportBatch:
    """An import of this bank."""
    row = db.get(ImportBatch, batch_id)
    if row is None or row.bank_id != bank.id:
        raise NotFound
    return row


def names(db: Session, person_ids: Iterable[int | None]) -> dict[int | None, str]:
    """Names of people by id; for the system (None) too."""
    wanted = sorted({number for number in person_ids if number is not None})
    found: dict[int | None, str] = {None: translate(_("the system"))}
    if wanted:
        found.update(db.execute(select(col(Person.id), col(Person.name)).where(col(Person.id).in_(wanted))).all())
    return {None: found[None], **{number: found.get(number, str(number)) for number in wanted}}


def say(message: Message) -> str:
    """A message of the library in the reader's language."""
    return translate(message.msgid, **message.params)


@contextmanager
def library() -> Iterator[None]:
    """Turn what the library refuses into answers: 404, 422 with the fields at fault, otherwise 409 with its reason."""
    try:
        yield
    except errors.NotFound as refusal:
        raise NotFound from refusal
    except errors.InvalidItem as refusal:
        fields = [FieldError(p.field, p.problem.msgid, tuple(p.problem.params.items())) for p in refusal.problems]
        raise Invalid(fields=fields) from refusal
    except errors.ItemBankError as refusal:
        raise Conflict(refusal.message.msgid, **_in_words(refusal.message.params)) from refusal


def _in_words(params: Mapping[str, errors.Param]) -> dict[str, errors.Param]:
    """States of forms by their words."""
    return {
        name: translate(FORM_STATES[value][0]) if name in {"state", "wanted"} and value in FORM_STATES else value
        for name, value in params.items()
    }
