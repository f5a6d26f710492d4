"""Experts' review of composed forms (专家评审): who may read, what a vote decides. The rule is pure; applying it is thin.

Separation of duties: whoever wrote any version of a question on a form, or made the set, is no expert for it. One rejection, with
reasons, sends the form back; `Bank.experts_needed` approvals in one round make it reviewed. What was read is named by a digest,
and the slots of a form change only while it is composed and no round is open (`swaps`; a trigger stands behind).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from itembank import sealing
from itembank.errors import ItemBankError, Message, NotFound, msg
from itembank.passport import Step, move
from itembank.passport_tables import ExpertRemark, ExpertRound, ExpertVote, Opinion, PaperExpert, RoundOutcome
from itembank.tables import Bank, Form, FormSlot, FormState, Item, ItemVersion, PaperSet

_LONGEST_LIST = 5


class NotExpert(ItemBankError):
    """This person may not review this set, or not now; `message` says why and which question."""


@dataclass(frozen=True, slots=True, order=True)
class Written:
    """A question on a form that somebody wrote."""

    label: str
    slot: int
    item_id: int


# Decisions -----------------------------------------------------------------------------------------------------------


def may_be_expert(person_id: int, maker: int, written: Sequence[Written]) -> Message | None:
    """Why this person is no expert for a set made by `maker`, of whose questions they wrote `written`."""
    if written:
        shown = ", ".join(f"{one.label}{one.slot} (#{one.item_id})" for one in sorted(written)[:_LONGEST_LIST])
        more = "" if len(written) <= _LONGEST_LIST else " …"
        return msg(
            "Nobody reviews a form with their own questions: this person wrote %(n)s of them, %(which)s.",
            n=len(written),
            which=shown + more,
        )
    if person_id == maker:
        return msg("Whoever made the set does not review it.")
    return None


def may_vote(state: str, *, open_round: bool, named: bool, voted: bool) -> Message | None:
    """Why this person may not write remarks or vote on the form now."""
    if not named:
        return msg("You are not named as an expert for this paper set.")
    if state != FormState.COMPOSED or not open_round:
        return msg("This form is not before the experts now.")
    if voted:
        return msg("You have already voted on this form in this round.")
    return None


def may_seal(label: str, state: str, needed: int, last: tuple[bool, str | None] | None) -> Message | None:
    """Why a form may not be sealed yet. `last`: whether its newest round is open, and how it ended; None: it had none."""
    if last is not None and last[0]:
        return msg("The experts are still reading form %(label)s.", label=label)
    if last is not None and last[1] == RoundOutcome.REJECTED:
        return msg("The experts sent form %(label)s back: mend it and ask them again.", label=label)
    if state == FormState.COMPOSED and needed:
        return msg("Form %(label)s needs the approval of %(n)s experts before it is sealed.", label=label, n=needed)
    return None


def outcome(opinions: Iterable[str], needed: int) -> RoundOutcome | None:
    """What the votes of a round come to; None while it goes on."""
    cast = list(opinions)
    if Opinion.REJECT in cast:
        return RoundOutcome.REJECTED
    return RoundOutcome.APPROVED if cast.count(Opinion.APPROVE) >= needed else None


# Acts ----------------------------------------------------------------------------------------------------------------


def name_experts(db: Session, paper_set_id: int, person_ids: Iterable[int], *, by: int, now: datetime) -> None:
    """Name exactly these people as experts of a set; others are removed. Raises `NotExpert`, `NotFound`; needs enough of them."""
    papers, bank = lock_set(db, paper_set_id)
    wanted = sorted(set(person_ids))
    if len(wanted) < max(1, bank.experts_needed):
        raise NotExpert(msg("This bank asks for %(n)s experts: name at least as many.", n=max(1, bank.experts_needed)))
    written = written_by(db, paper_set_id)
    for person_id in wanted:
        refused = may_be_expert(person_id, papers.made_by, written.get(person_id, ()))
        if refused:
            raise NotExpert(refused)
    here = [col(PaperExpert.paper_set_id) == paper_set_id, col(PaperExpert.removed_at).is_(None)]
    before = set(db.exec(select(PaperExpert.person_id).where(*here)))
    if (before - set(wanted)) & _spoken(db, paper_set_id):
        raise NotExpert(msg("Who has voted in a round that is still open stays an expert until it ends."))
    gone = update(PaperExpert).where(*here, col(PaperExpert.person_id).not_in(wanted))
    db.execute(gone.values(removed_at=now, removed_by=by))
    db.add_all(
        PaperExpert(paper_set_id=paper_set_id, person_id=person_id, named_at=now, named_by=by)
        for person_id in wanted
        if person_id not in before
    )
    db.flush()


def ask_experts(db: Session, form_id: int, *, by: int, now: datetime, note: str = "") -> ExpertRound:
    """Put a composed form before the experts of its set: a new round. Raises `NotExpert`, `NotFound`."""
    form = _form(db, form_id)
    _papers, bank = lock_set(db, form.paper_set_id)
    last = latest_round(db, form_id)
    if form.state != FormState.COMPOSED:
        raise NotExpert(msg("Form %(label)s is reviewed already, or out of use.", label=form.label))
    if last is not None and last.ended_at is None:
        raise NotExpert(msg("Form %(label)s is before the experts already.", label=form.label))
    if len(experts_of(db, form.paper_set_id)) < max(1, bank.experts_needed):
        raise NotExpert(msg("This bank asks for %(n)s experts: name at least as many.", n=max(1, bank.experts_needed)))
    row = ExpertRound(
        form_id=form_id,
        no=1 if last is None else last.no + 1,
        needed=max(1, bank.experts_needed),
        digest=content_digest(db, form_id),
        asked_at=now,
        asked_by=by,
        note=note,
    )
    db.add(row)
    db.flush()
    return row


def remark(db: Session, form_id: int, remarks: Mapping[int, str], *, by: int, now: datetime) -> int:
    """Keep what an expert wrote beside questions (slot -> text); how many. Raises `NotExpert`, `NotFound` for no such slot."""
    row = _round_for(db, form_id, by)
    slots = dict(db.exec(select(FormSlot.slot, FormSlot.item_version_id).where(FormSlot.form_id == form_id)).all())
    for slot, text in remarks.items():
        if slot not in slots:
            raise NotFound("question", slot)
        db.add(ExpertRemark(round_id=row.id, person_id=by, slot=slot, item_version_id=slots[slot], text=text, at=now))
    db.flush()
    return len(remarks)


def vote(db: Session, form_id: int, opinion: Opinion, *, by: int, now: datetime, note: str = "") -> RoundOutcome | None:
    """An expert's opinion; what it decided, if it did. A rejection needs a note or a remark. Raises `NotExpert`."""
    row = _round_for(db, form_id, by)
    said = select(func.count()).where(ExpertRemark.round_id == row.id, ExpertRemark.person_id == by)
    if opinion == Opinion.REJECT and not note and db.exec(said).one() == 0:
        raise NotExpert(msg("Say what is wrong: a remark beside a question, or a reason for the whole form."))
    db.add(ExpertVote(round_id=row.id, person_id=by, opinion=opinion, note=note, at=now))
    db.flush()
    votes = votes_of(db, row.id)
    decided = outcome([one.opinion for one in votes], row.needed)
    if decided is not None:
        db.execute(update(ExpertRound).where(col(ExpertRound.id) == row.id).values(ended_at=now, outcome=decided))
    if decided == RoundOutcome.APPROVED:
        first = votes[0].person_id if votes[0].person_id != by else None
        people = (first, by) if first is not None else (by, None)
        move(db, form_id, FormState.REVIEWED, Step(now, people[0], people[1]))
    return decided


# Reading -------------------------------------------------------------------------------------------------------------


def written_by(db: Session, paper_set_id: int) -> dict[int, list[Written]]:
    """Person -> the questions of a set of which they wrote any version. Two statements."""
    on_forms = (
        select(Form.label, FormSlot.slot, FormSlot.item_id)
        .join(FormSlot, col(FormSlot.form_id) == col(Form.id))
        .where(Form.paper_set_id == paper_set_id)
    )
    places = {item_id: Written(label, slot, item_id) for label, slot, item_id in db.exec(on_forms)}
    items = select(FormSlot.item_id).join(Form, col(Form.id) == col(FormSlot.form_id)).where(Form.paper_set_id == paper_set_id)
    pairs = set(db.exec(select(ItemVersion.item_id, ItemVersion.created_by).where(col(ItemVersion.item_id).in_(items))).all())
    pairs |= set(db.exec(select(Item.id, Item.author_id).where(col(Item.id).in_(items))).all())
    found: dict[int, list[Written]] = defaultdict(list)
    for item_id, person_id in pairs:
        found[person_id].append(places[item_id])
    return dict(found)


def experts_of(db: Session, paper_set_id: int) -> list[int]:
    """Who is named now, in the order of naming."""
    here = [col(PaperExpert.paper_set_id) == paper_set_id, col(PaperExpert.removed_at).is_(None)]
    return list(db.exec(select(PaperExpert.person_id).where(*here).order_by(col(PaperExpert.id))))


def latest_round(db: Session, form_id: int) -> ExpertRound | None:
    """The newest round of a form."""
    return db.exec(
        select(ExpertRound).where(ExpertRound.form_id == form_id).order_by(col(ExpertRound.no).desc()).limit(1)
    ).first()


def votes_of(db: Session, round_id: int) -> Sequence[ExpertVote]:
    """The votes of a round in the order they were cast."""
    return db.exec(select(ExpertVote).where(ExpertVote.round_id == round_id).order_by(col(ExpertVote.id))).all()


def content_digest(db: Session, form_id: int) -> str:
    """Names what a form asks: versions and marks in slot order."""
    slots = select(FormSlot.slot, FormSlot.item_version_id, FormSlot.marks).where(FormSlot.form_id == form_id)
    return sealing.digest([list(row) for row in db.exec(slots.order_by(col(FormSlot.slot)))])


def seal_refusal(db: Session, form: Form, needed: int) -> Message | None:
    """`may_seal` for a stored form of a bank that needs so many experts."""
    last = latest_round(db, form.id)
    return may_seal(form.label, form.state, needed, None if last is None else (last.ended_at is None, last.outcome))


def _spoken(db: Session, paper_set_id: int) -> set[int]:
    """Who has voted in an open round of the set."""
    statement = (
        select(ExpertVote.person_id)
        .join(ExpertRound, col(ExpertRound.id) == col(ExpertVote.round_id))
        .join(Form, col(Form.id) == col(ExpertRound.form_id))
        .where(Form.paper_set_id == paper_set_id, col(ExpertRound.ended_at).is_(None))
    )
    return set(db.exec(statement))


def _round_for(db: Session, form_id: int, by: int) -> ExpertRound:
    """The open round in which this expert may still speak; the form is locked."""
    form = _form(db, form_id)
    papers, _bank = lock_set(db, form.paper_set_id)
    row = latest_round(db, form_id)
    is_open = row is not None and row.ended_at is None
    voted = row is not None and by in {one.person_id for one in votes_of(db, row.id)}
    named = by in experts_of(db, form.paper_set_id)
    refused = may_vote(form.state, open_round=is_open, named=named, voted=voted) or may_be_expert(
        by, papers.made_by, written_by(db, form.paper_set_id).get(by, ())
    )
    if refused or row is None:
        raise NotExpert(refused or msg("This form is not before the experts now."))
    return row


def lock_set(db: Session, paper_set_id: int) -> tuple[PaperSet, Bank]:
    """The set, locked where the database can: rounds, votes and swaps of a set come one after another."""
    statement = select(PaperSet, Bank).join(Bank, col(Bank.id) == col(PaperSet.bank_id)).where(PaperSet.id == paper_set_id)
    row = db.exec(statement.with_for_update(of=PaperSet)).first()
    if row is None:
        raise NotFound("paper set", paper_set_id)
    return row[0], row[1]


def _form(db: Session, form_id: int) -> Form:
    form = db.get(Form, form_id, populate_existing=True)
    if form is None:
        raise NotFound("form", form_id)
    return form
