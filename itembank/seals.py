"""Sealing a paper set (封卷): computed and encrypted while nothing is locked, stored in one short transaction.

Between the two hardly anything that is sealed can change: versions and figures are append-only, and a key corrected meanwhile
counts as a correction since. What can change is looked at again when storing: the form's state, its questions and its claims.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from itembank import experts, keys, sealing
from itembank.blueprint import BlueprintBody
from itembank.errors import ItemBankError, NotFound, msg
from itembank.items import ItemBody
from itembank.packages import aad_of, compose, load_media, load_slots
from itembank.passport import Step, get_forms, may_become, move
from itembank.tables import Bank, Blueprint, Form, FormState, LedgerEntry, PaperSet


class ClaimsLost(ItemBankError):
    """A form no longer holds all its items (it was swept or withdrawn) and cannot be sealed."""

    def __init__(self, form_id: int) -> None:
        super().__init__(msg("Form %(form_id)s no longer holds its items.", form_id=form_id))
        self.form_id = form_id


class NotReviewed(ItemBankError):
    """The experts have not approved a form, or are still reading it; `message` says which."""


class SameFormExists(ItemBankError):
    """A form with exactly these questions was sealed before."""

    def __init__(self, form_id: int, other_id: int) -> None:
        super().__init__(msg("Form %(a)s asks exactly what form %(b)s asks.", a=form_id, b=other_id))
        self.form_id = form_id
        self.other_id = other_id


@dataclass(frozen=True, slots=True)
class SealedForm:
    """One form's envelopes; `count` questions, `asked` (`experts.content_digest`) names them as they were read."""

    form_id: int
    digest: str
    asked: str
    count: int
    paper: bytes
    answers: bytes


def prepare(db: Session, paper_set_id: int, keyring: sealing.Keyring) -> tuple[SealedForm, ...]:
    """Freeze and encrypt every form of a set, by label; stores nothing, a read-only session will do.

    Paper and keys go into two envelopes, each under a fresh key of its own, wrapped for two purposes. A form that may not be
    sealed any more is left to `store` to refuse. Raises `NotFound`.
    """
    papers = db.get(PaperSet, paper_set_id)
    if papers is None:
        raise NotFound("paper set", paper_set_id)
    blueprint = db.get(Blueprint, papers.blueprint_id)
    if blueprint is None:
        raise NotFound("blueprint", papers.blueprint_id)
    body = BlueprintBody.model_validate(blueprint.body)
    return tuple(_prepare_form(db, form, papers.title, body, keyring) for form in get_forms(db, paper_set_id))


def _prepare_form(db: Session, form: Form, title: str, body: BlueprintBody, keyring: sealing.Keyring) -> SealedForm:
    slots = load_slots(db, form.id)
    if not may_become(form.state, FormState.SEALED):
        return SealedForm(form.id, "", "", len(slots), b"", b"")
    digests = frozenset[str]().union(*(ItemBody.model_validate(version.body).media for _, version in slots))
    package = compose(form, title, body, slots, load_media(db, digests))
    aad = aad_of(form, package.digest)
    paper = sealing.canonical_json(package.model_dump(mode="json"))
    answers = sealing.canonical_json(keys.snapshot(db, keyring, [version.id for _, version in slots]))
    return SealedForm(
        form.id,
        package.digest,
        experts.content_digest(db, form.id),
        len(slots),
        sealing.seal_envelope(keyring, sealing.PAPER, paper, aad),
        sealing.seal_envelope(keyring, sealing.ANSWER_KEY, answers, aad),
    )


def store(db: Session, paper_set_id: int, prepared: tuple[SealedForm, ...], *, now: datetime, by: int) -> tuple[str, ...]:
    """Store all of it; the digests.

    Raises `NotReviewed`, `ClaimsLost`, `SameFormExists`, `WrongState`: then the caller has to roll back.
    """
    bank = select(Bank.experts_needed).join(PaperSet, col(PaperSet.bank_id) == col(Bank.id)).where(PaperSet.id == paper_set_id)
    needed = db.exec(bank).one()
    for form in get_forms(db, paper_set_id):
        refused = experts.seal_refusal(db, form, needed)
        if refused:
            raise NotReviewed(refused)
    for one in prepared:
        _store_form(db, one, Step(now, by))
    db.execute(update(PaperSet).where(col(PaperSet.id) == paper_set_id, col(PaperSet.sealed_at).is_(None)).values(sealed_at=now))
    return tuple(one.digest for one in prepared)


def _store_form(db: Session, one: SealedForm, step: Step) -> None:
    held = select(func.count()).where(
        LedgerEntry.form_id == one.form_id, col(LedgerEntry.ended_at).is_(None), col(LedgerEntry.burned_at).is_(None)
    )
    if db.exec(held).one() != one.count:
        raise ClaimsLost(one.form_id)
    if one.digest and experts.content_digest(db, one.form_id) != one.asked:
        raise NotReviewed(msg("A question of form %(form_id)s was exchanged just now: seal again.", form_id=one.form_id))
    other = db.exec(select(Form.id).where(Form.digest == one.digest)).first() if one.digest else None
    if other is not None:
        raise SameFormExists(one.form_id, other)
    move(db, one.form_id, FormState.SEALED, step, digest=one.digest, sealed=one.paper, sealed_keys=one.answers)


def seal(db: Session, paper_set_id: int, keyring: sealing.Keyring, *, now: datetime, by: int) -> tuple[str, ...]:
    """Both in the caller's transaction: for the demo, fixtures and small jobs. Raises as `prepare` and `store` do."""
    return store(db, paper_set_id, prepare(db, paper_set_id, keyring), now=now, by=by)
