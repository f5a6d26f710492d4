"""The passport of a form: 命题 -> 专家评审 -> 封卷 -> 备案 -> 拆封 -> 归档, or refused, or 作废.

The rule is pure (`NEXT`). A step is taken by compare-and-set on the form's state and written to `form_step`; whoever
comes second is told so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from itembank import ledger, quarantine
from itembank.errors import ItemBankError, NotFound, SecondPersonNeeded, msg
from itembank.packages import get_form
from itembank.passport_tables import ExpertRound, RoundOutcome
from itembank.tables import Filing, Form, FormSlot, FormState, FormStep, Item, ItemState, PaperSet

S = FormState
NEXT: Final[Mapping[FormState, frozenset[FormState]]] = MappingProxyType(
    {
        S.COMPOSED: frozenset({S.REVIEWED, S.SEALED, S.VOIDED}),
        S.REVIEWED: frozenset({S.SEALED, S.VOIDED}),
        S.SEALED: frozenset({S.FILED, S.REFUSED, S.VOIDED}),
        S.FILED: frozenset({S.OPENED, S.VOIDED}),
        S.REFUSED: frozenset({S.VOIDED}),
        S.OPENED: frozenset({S.ARCHIVED}),
        S.ARCHIVED: frozenset(),
        S.VOIDED: frozenset(),
    }
)
"""Which steps may follow which. An opened form is never voided: its items are used, whatever became of the exam."""


_UNREADY: Final[Mapping[str, str]] = MappingProxyType(
    {
        S.COMPOSED: "A form of this paper set is not sealed.",
        S.REVIEWED: "A reviewed form of this paper set is not sealed.",
        S.SEALED: "A form of this paper set has no filing number yet.",
        S.REFUSED: "A form of this paper set was refused by the authority.",
        S.VOIDED: "A form of this paper set was withdrawn.",
        S.OPENED: "This paper set has been opened before.",
        S.ARCHIVED: "This paper set is archived.",
    }
)

_UNSEALED: Final = frozenset({FormState.OPENED, FormState.ARCHIVED})

_HELD: Final = "A form of this paper set is in quarantine."


class FormHeld(ItemBankError):
    """The form is in quarantine and must not be opened."""

    def __init__(self, form_id: int) -> None:
        super().__init__(msg("Form %(form_id)s is in quarantine: two people have to lift it first.", form_id=form_id))
        self.form_id = form_id


class WrongState(ItemBankError):
    """The form cannot take this step from where it stands."""

    def __init__(self, form_id: int, state: str, wanted: str) -> None:
        super().__init__(
            msg("Form %(form_id)s is %(state)s and cannot become %(wanted)s.", form_id=form_id, state=state, wanted=wanted)
        )
        self.form_id = form_id
        self.state = state
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Step:
    """Who moves a form, when and why. `by` None is the system itself."""

    now: datetime
    by: int | None
    second_by: int | None = None
    note: str = ""


def may_become(state: str, wanted: FormState) -> bool:
    """Whether a form in `state` may become `wanted`."""
    return wanted in NEXT[FormState(state)]


def move(db: Session, form_id: int, wanted: FormState, step: Step, **values: Any) -> None:
    """Take one step, setting further columns of the form with it. Raises `NotFound`, `WrongState`."""
    if wanted == FormState.OPENED and quarantine.held_forms(db, [form_id]):
        raise FormHeld(form_id)
    sources = [state for state, following in NEXT.items() if wanted in following]
    statement = update(Form).where(col(Form.id) == form_id, col(Form.state).in_(sources)).values(state=wanted, **values)
    result: CursorResult[Any] = db.execute(statement)  # type: ignore[assignment]  # an UPDATE gives a cursor result
    if result.rowcount != 1:
        form = get_form(db, form_id)
        db.refresh(form)
        raise WrongState(form_id, form.state, wanted)
    db.add(FormStep(form_id=form_id, state=wanted, at=step.now, by=step.by, second_by=step.second_by, note=step.note))
    db.flush()


def file_form(
    db: Session,
    form_id: int,
    filing_number: str,
    *,
    by: int,
    now: datetime,
    authority: str = "",
    filed_on: datetime | None = None,
    note: str = "",
) -> None:
    """Enter the filing number (备案号) of a sealed form. Raises `WrongState` unless it is sealed."""
    move(db, form_id, FormState.FILED, Step(now, by, note=filing_number))
    number, day = filing_number.strip(), filed_on or now
    db.add(Filing(form_id=form_id, accepted=True, number=number, authority=authority, filed_on=day, by=by, note=note))
    db.flush()


def refuse_form(db: Session, form_id: int, *, by: int, now: datetime, note: str, authority: str = "") -> None:
    """Enter that the authority refused a sealed form. Its items stay claimed until it is withdrawn."""
    move(db, form_id, FormState.REFUSED, Step(now, by, note=note))
    db.add(Filing(form_id=form_id, accepted=False, authority=authority, filed_on=now, by=by, note=note))
    db.flush()


def withdraw(db: Session, paper_set_id: int, *, by: int, second_by: int, reason: str, now: datetime, leaked: bool = False) -> int:
    """Void the unopened forms of a set and give their items back (作废); how many claims ended. Two different people.

    Where one form was used by lot these are the others. `leaked`: the items are quarantined instead of becoming available. Raises
    `SecondPersonNeeded`; `WrongState` when no form is left unopened.
    """
    if by == second_by:
        raise SecondPersonNeeded
    forms = [form for form in get_forms(db, paper_set_id) if form.state != FormState.VOIDED]
    forms = [form for form in forms if form.state not in _UNSEALED] or forms
    for form in forms:
        move(db, form.id, FormState.VOIDED, Step(now, by, second_by, reason))
    ids = [form.id for form in forms]
    db.execute(
        update(ExpertRound)
        .where(col(ExpertRound.form_id).in_(ids), col(ExpertRound.ended_at).is_(None))
        .values(ended_at=now, outcome=RoundOutcome.WITHDRAWN)
    )
    if leaked:
        items = select(FormSlot.item_id).where(col(FormSlot.form_id).in_(ids))
        db.execute(update(Item).where(col(Item.id).in_(items)).values(state=ItemState.QUARANTINED))
    return ledger.release(db, ids, by=by, second_by=second_by, reason=reason, now=now, leaked=leaked)


def burn(
    db: Session,
    paper_set_id: int,
    now: datetime,
    exam_session_id: int | None = None,
    by: int | None = None,
    *,
    second_by: int | None = None,
    only: str | None = None,
) -> int:
    """Unsealing (拆封): every filed form of the set is opened and its items are used; how many claims newly burned.

    `only`: the label of the one form that the lot fell on; the others stay sealed. Called when two people release the set, and
    again at the opening of the exam session, where it changes nothing any more. Raises `WrongState` for a form that is not filed.
    """
    forms = [form for form in get_forms(db, paper_set_id) if only in {None, form.label}]
    for form in forms:
        if form.state not in _UNSEALED:
            move(db, form.id, FormState.OPENED, Step(now, by, second_by))
    db.execute(
        update(PaperSet)
        .where(col(PaperSet.id) == paper_set_id, col(PaperSet.burned_at).is_(None))
        .values(burned_at=now, exam_session_id=exam_session_id)
    )
    return ledger.burn(db, [form.id for form in forms], exam_session_id=exam_session_id, now=now)


def archive(db: Session, paper_set_id: int, *, by: int, now: datetime) -> None:
    """Put an opened set away (归档); forms that the lot passed over stay where they are."""
    forms = get_forms(db, paper_set_id)
    for form in [form for form in forms if form.state == FormState.OPENED] or forms:
        move(db, form.id, FormState.ARCHIVED, Step(now, by))


def paper_set_ready(db: Session, paper_set_id: int, exam_session_id: int | None = None) -> list[str]:
    """Why no exam session may be scheduled with this set, as msgids without parameters; empty when it may.

    A set that was unsealed is ready for the one exam session it was unsealed for.
    """
    forms = get_forms(db, paper_set_id)
    states = {form.state for form in forms}
    if FormState.OPENED in states and exam_session_id is not None and _unsealed_for(db, paper_set_id) == exam_session_id:
        states.discard(FormState.OPENED)
    held = [_HELD] if quarantine.held_forms(db, (form.id for form in forms)) else []
    return [*held, *(reason for state, reason in _UNREADY.items() if state in states)]


def _unsealed_for(db: Session, paper_set_id: int) -> int | None:
    return db.exec(select(PaperSet.exam_session_id).where(PaperSet.id == paper_set_id)).one()


def get_forms(db: Session, paper_set_id: int) -> Sequence[Form]:
    """The forms of a set by label, freshly read, without their keys; raises `NotFound` for a set that does not exist."""
    statement = select(Form).where(Form.paper_set_id == paper_set_id).order_by(col(Form.label))
    statement = statement.options(defer(Form.sealed_keys))  # type: ignore[arg-type]  # a column, not a value
    forms = db.exec(statement.execution_options(populate_existing=True)).all()
    if not forms:
        raise NotFound("paper set", paper_set_id)
    return forms
