"""Making a bank: items under one reuse policy, following one content table."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from itembank.tables import Bank, Provenance, ReusePolicy, Syllabus
from server.audit import trail
from server.auth.staff import Staff
from server.errors import FieldError, Invalid, NotFound
from server.pages import _

MOST_EXPERTS = 9


class BankForm(BaseModel):
    """What the form for a new bank says."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    code: str = ""
    name: str = ""
    syllabus_id: int = 0
    provenance: str = Provenance.SELF_BUILT
    policy: str = ReusePolicy.ONCE
    cap: int = 1
    cooling_months: int = 0
    experts_needed: int | None = None
    """Experts who approve a form; None: two for a self-built bank, none for others."""


def create(db: Session, who: Staff, form: BankForm, *, now: datetime) -> Bank:
    """A new, empty bank. Raises `Invalid` with every field at fault, `NotFound` for another institution's syllabus."""
    syllabus = db.get(Syllabus, form.syllabus_id)
    if syllabus is None or syllabus.institution_id != who.institution_id:
        raise NotFound
    problems = _problems(db, who, form)
    if problems:
        raise Invalid(fields=problems)
    bank = Bank(
        institution_id=who.institution_id,
        code=form.code,
        name=form.name,
        provenance=form.provenance,
        policy=form.policy,
        cap=form.cap if form.policy == ReusePolicy.CAPPED else 1,
        cooling_months=form.cooling_months if form.policy == ReusePolicy.COOLING_OFF else 0,
        experts_needed=_experts(form),
        syllabus_id=syllabus.id,
        occupation_code=syllabus.occupation_code,
        occupation_name=syllabus.occupation_name,
        level=syllabus.level,
        created_at=now,
        created_by=who.person_id,
    )
    db.add(bank)
    db.flush()
    trail.append(db, who.actor, "bank.created", f"bank:{bank.id}", now=now, detail={"code": bank.code, "policy": bank.policy})
    return bank


def _experts(form: BankForm) -> int:
    if form.experts_needed is not None:
        return form.experts_needed
    return 2 if form.provenance == Provenance.SELF_BUILT else 0


def _problems(db: Session, who: Staff, form: BankForm) -> list[FieldError]:
    found = []
    if not form.code or len(form.code) > 30:
        found.append(FieldError("code", _("Give the bank a short code.")))
    elif db.exec(select(Bank.id).where(Bank.institution_id == who.institution_id, Bank.code == form.code)).first():
        found.append(FieldError("code", _("Another bank has this code.")))
    if not form.name or len(form.name) > 100:
        found.append(FieldError("name", _("Give the bank a name.")))
    if form.provenance not in set(Provenance) or form.policy not in set(ReusePolicy):
        found.append(FieldError("policy", _("Choose one of the policies.")))
    if form.provenance == Provenance.SELF_BUILT and form.policy != ReusePolicy.ONCE:
        found.append(FieldError("policy", _("Items of a self-built bank must not be used twice: choose “once”.")))
    if form.policy == ReusePolicy.CAPPED and not 1 <= form.cap <= 20:
        found.append(FieldError("cap", _("Say how often an item may be used: 1 to 20.")))
    if form.policy == ReusePolicy.COOLING_OFF and not 1 <= form.cooling_months <= 120:
        found.append(FieldError("cooling_months", _("Say how many months a used item rests: 1 to 120.")))
    if form.experts_needed is not None and not 0 <= form.experts_needed <= MOST_EXPERTS:
        message = _("Say how many experts approve a form: 0 (none is asked for) to %(most)s.")
        found.append(FieldError("experts_needed", message, (("most", MOST_EXPERTS),)))
    return found


def syllabuses(db: Session, institution_id: int) -> list[Syllabus]:
    """The institution's content tables, newest first."""
    statement = select(Syllabus).where(Syllabus.institution_id == institution_id).order_by(col(Syllabus.id).desc())
    return list(db.exec(statement).all())
