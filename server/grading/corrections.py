"""Key corrections: proposed by one person, seen in advance, decided by another; then everyone is marked again.

A correction is a new key in the item bank (naming the old one) and a new run here (naming the old one). Nothing is edited.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from itembank import keys as bank_keys
from itembank.errors import InvalidItem
from itembank.items import ItemBody, ItemKeyData, check_key, with_unit
from itembank.tables import FormSlot, ItemVersion
from server.audit import trail
from server.audit.trail import Actor
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.grading import keys, rules, runs
from server.grading.marking import FormKey, MarkingRules, mark
from server.grading.results import Change, SummaryRow, open_publication, summary_rows
from server.grading.tables import ItemMark, KeyCorrection, MarkingRun, Result
from server.keyring import Keyring
from server.pages import _
from server.registry import freeze

NEW_KEY: Final = "new_key"
CANCEL: Final = "cancel"


@dataclass(frozen=True)
class Wish:
    """What is to be mended. `key` is None for a cancellation."""

    form_id: int
    slot: int
    key: ItemKeyData | None

    @property
    def kind(self) -> str:
        """new_key or cancel."""
        return CANCEL if self.key is None else NEW_KEY


@dataclass(frozen=True)
class Slot:
    """A slot as the correction form shows it: no content, only the letters there are to choose from."""

    form_id: int
    slot: int
    item_version_id: int
    kind: str
    options: tuple[int, ...]
    lines: int = 0
    """Lines to match."""
    blanks: int = 0
    unit: str = ""


def get_slot(db: Session, exam_session_id: int, form_id: int, slot: int) -> Slot:
    """A slot of one of the exam session's forms; raises `NotFound`."""
    session = runs.get_session(db, exam_session_id)
    found = db.exec(
        select(FormSlot.item_version_id, ItemVersion.body)
        .join(ItemVersion, col(ItemVersion.id) == FormSlot.item_version_id)
        .where(FormSlot.form_id == form_id, FormSlot.slot == slot)
    ).first()
    if found is None or form_id not in keys.forms_of(db, session.paper_set_id):
        raise NotFound
    version_id, raw = found
    body = ItemBody.model_validate(raw)
    ids = tuple(option.id for option in body.options)
    return Slot(form_id, slot, version_id, body.kind, ids, len(body.prompts), body.blanks, body.unit)


def check_wish(db: Session, keyring: Keyring, exam_session_id: int, wish: Wish) -> MarkingRun:
    """The run in force, when `wish` can be a correction of it; raises `Invalid`, `Conflict`, `NotFound`."""
    slot = get_slot(db, exam_session_id, wish.form_id, wish.slot)
    run = _require_correctable(db, exam_session_id)
    form_key = keys.of_run(db, keyring, exam_session_id, run.no)[wish.form_id]
    now_key = form_key.slots[wish.slot]
    if wish.key is None:
        if now_key.cancelled:
            raise Conflict(_("This item is cancelled already."))
        if sum(not key.cancelled for key in form_key.slots.values()) == 1:
            raise Conflict(_("This is the last item of the form that counts: it cannot be cancelled too."))
        return run
    body = db.get(ItemVersion, slot.item_version_id)
    assert body is not None
    problems = check_key(ItemBody.model_validate(body.body), wish.key)
    if problems:
        raise Invalid(fields=[FieldError("correct", p.problem.msgid, tuple(p.problem.params.items())) for p in problems])
    if with_unit(wish.key, slot.unit) == now_key.answer and not now_key.cancelled:
        raise Invalid(fields=[FieldError("correct", _("This is the key already in force."))])
    return run


def refusal(db: Session, exam_session_id: int) -> str | None:
    """Why no key of this exam session can be corrected now."""
    return rules.correction_refusal(
        runs.get_session(db, exam_session_id).state,
        has_run=runs.latest(db, exam_session_id) is not None,
        publication_open=open_publication(db, exam_session_id) is not None,
    )


def _require_correctable(db: Session, exam_session_id: int) -> MarkingRun:
    paper_set_id = runs.get_session(db, exam_session_id).paper_set_id
    freeze.require(None if paper_set_id is None else freeze.of_paper_set(db, paper_set_id))
    no_way = refusal(db, exam_session_id)
    run = runs.latest(db, exam_session_id)
    if no_way or run is None:
        raise Conflict(no_way or rules.PUBLISHED_ALREADY)
    return run


def preview(db: Session, keyring: Keyring, exam_session_id: int, wish: Wish) -> list[Change]:
    """Who would change, against the results in force; stores nothing."""
    run = check_wish(db, keyring, exam_session_id, wish)
    how = MarkingRules(**run.rules)
    old_key = keys.of_run(db, keyring, exam_session_id, run.no)[wish.form_id]
    unit = get_slot(db, exam_session_id, wish.form_id, wish.slot).unit
    wanted = None if wish.key is None else with_unit(wish.key, unit)
    new_key = old_key.with_slot(wish.slot, key=wanted, cancelled=wish.key is None)
    given = _responses(db, exam_session_id, run.no, old_key)
    found = []
    for row in summary_rows(db, exam_session_id):
        if row.no in given and row.state == "marked":
            after = mark(given[row.no], new_key, how)
            if (after.total, after.passed) != (row.total, row.passed):
                found.append(_change(row, after.total, after.passed))
    return found


def _change(row: SummaryRow, total: int | None, passed: bool) -> Change:
    values = {**row.__dict__, "total": total, "passed": passed, "digest": ""}
    return Change(row.no, row.admission_no, row.name, row.form_label, row, SummaryRow(**values))


def _responses(db: Session, exam_session_id: int, run_no: int, key: FormKey) -> dict[int, dict[int, list[int | str]]]:
    """Entry -> slot -> response of everyone marked on one form in a run."""
    rows = db.exec(
        select(ItemMark.entry_no, ItemMark.slot, ItemMark.response)
        .join(
            Result,
            (col(Result.exam_session_id) == ItemMark.exam_session_id)
            & (col(Result.run_no) == ItemMark.run_no)
            & (col(Result.entry_no) == ItemMark.entry_no),
        )
        .where(
            ItemMark.exam_session_id == exam_session_id,
            ItemMark.run_no == run_no,
            Result.form_id == key.form_id,
        )
    ).all()
    found: dict[int, dict[int, list[int | str]]] = {}
    for entry_no, slot, response in rows:
        found.setdefault(entry_no, {})[slot] = list(response)
    return found


def propose(db: Session, keyring: Keyring, exam_session_id: int, wish: Wish, *, by: Actor, reason: str, now: datetime) -> int:
    """Put a correction before a second person; returns its number. Raises `Conflict` when one is open for the item."""
    run = check_wish(db, keyring, exam_session_id, wish)
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why: what is wrong, and which source shows it."))])
    highest = db.exec(select(func.max(KeyCorrection.no)).where(KeyCorrection.exam_session_id == exam_session_id)).one()
    no = (highest or 0) + 1
    sealed = keys.seal_choice(keyring, exam_session_id, no, wish.key) if wish.key is not None else b""
    values = {
        "exam_session_id": exam_session_id,
        "no": no,
        "institution_id": run.institution_id,
        "form_id": wish.form_id,
        "slot": wish.slot,
        "kind": wish.kind,
        "sealed_key": sealed,
        "reason": reason.strip(),
        "run_no": run.no,
        "proposed_at": now,
        "proposed_by": by.id,
        "proposed_name": by.name,
    }
    try:
        with db.begin_nested():
            db.execute(insert(KeyCorrection).values(**values))
    except IntegrityError:
        raise Conflict(_("A correction of this item already waits for a second person.")) from None
    detail = {"correction": no, "form": wish.form_id, "slot": wish.slot, "kind": wish.kind}
    trail.append(db, by, "key_correction.proposed", f"exam_session:{exam_session_id}", now=now, detail=detail)
    return no


def get(db: Session, exam_session_id: int, no: int) -> KeyCorrection:
    """Raises `NotFound`."""
    found = db.get(KeyCorrection, (exam_session_id, no))
    if found is None:
        raise NotFound
    return found


def of_session(db: Session, exam_session_id: int) -> list[KeyCorrection]:
    """All, newest first."""
    rows = select(KeyCorrection).where(KeyCorrection.exam_session_id == exam_session_id)
    return list(db.exec(rows.order_by(col(KeyCorrection.no).desc())).all())


def wish_of(keyring: Keyring, row: KeyCorrection) -> Wish:
    """What a stored correction asks for."""
    if row.kind == CANCEL:
        return Wish(row.form_id, row.slot, None)
    return Wish(row.form_id, row.slot, keys.open_choice(keyring, row.exam_session_id, row.no, row.sealed_key))


def decide(
    db: Session, keyring: Keyring, exam_session_id: int, no: int, verdict: str, *, by: Actor, note: str, now: datetime
) -> None:
    """Approve (by another person), decline, or withdraw (by the proposer). Approving puts the new key in force.

    Everyone is marked again afterwards, by the duty that looks for approved corrections no run has yet.
    """
    runs.lock_session(db, exam_session_id)
    row = get(db, exam_session_id, no)
    assert by.id is not None
    refused = rules.decision_refusal(row.proposed_by, by.id, row.decision, verdict)
    if refused:
        raise Conflict(refused)
    claim = update(KeyCorrection).where(
        col(KeyCorrection.exam_session_id) == exam_session_id,
        col(KeyCorrection.no) == no,
        col(KeyCorrection.decision).is_(None),
    )
    values = {"decision": verdict, "decided_by": by.id, "decided_name": by.name, "decided_at": now, "decision_note": note}
    if not runs.changes_one(db, claim.values(**values)):
        raise Conflict(rules.DECIDED_ALREADY)
    if verdict == "approved":
        wish = wish_of(keyring, row)
        check_wish(db, keyring, exam_session_id, wish)
        _put_in_force(db, keyring, exam_session_id, row, wish, by.id, now)
    detail = {"correction": no, "form": row.form_id, "slot": row.slot, "kind": row.kind}
    trail.append(db, by, f"key_correction.{verdict}", f"exam_session:{exam_session_id}", now=now, detail=detail)


def _put_in_force(
    db: Session, keyring: Keyring, exam_session_id: int, row: KeyCorrection, wish: Wish, second_by: int, now: datetime
) -> None:
    version_id = get_slot(db, exam_session_id, row.form_id, row.slot).item_version_id
    freeze.require(freeze.of_item_version(db, version_id))
    by, why = row.proposed_by, row.reason
    try:
        if wish.key is None:
            bank_keys.cancel_item(db, keyring, version_id, by=by, second_by=second_by, reason=why, now=now)
        else:
            bank_keys.correct_key(db, keyring, version_id, wish.key, by=by, second_by=second_by, reason=why, now=now)
    except InvalidItem:
        raise Conflict(_("The item bank refuses this key for this item.")) from None
    except bank_keys.SecondPersonNeeded:
        raise Conflict(rules.SECOND_PERSON) from None


def run_of(db: Session, exam_session_id: int, correction_no: int) -> MarkingRun | None:
    """The first completed run that has this correction in its keys."""
    rows = select(MarkingRun).where(
        MarkingRun.exam_session_id == exam_session_id,
        MarkingRun.correction_no >= correction_no,
        col(MarkingRun.completed_at).is_not(None),
    )
    return db.exec(rows.order_by(col(MarkingRun.no)).limit(1)).first()
