"""Near-duplicates for people: a case with both texts and their difference by character, what was said, what was merged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from itembank.changes import Piece, text_pieces
from itembank.family_tables import FamilyMerge, TwinCase, TwinOpinion
from itembank.items import ItemBody
from itembank.similarity.bands import readable
from itembank.tables import Bank, Item, ItemVersion, LedgerEntry
from server.auth.staff import Staff
from server.bank import reach
from server.bank.scope import names
from server.jobs import QUICK, Job
from server.pages import _

PAGE = 20
WAYS: dict[str, str] = {
    "whole": _("the whole question"),
    "stem": _("the text, with other options"),
    "statement": _("a statement made of text and option"),
}
VERDICTS: dict[str, tuple[str, str]] = {
    "same_family": (_("The same question: one family"), "warn"),
    "different": (_("Another question"), "ok"),
    "variant": (_("A variant in figures: another question"), "info"),
}
FINDINGS: dict[str, str] = {
    "reuse": _("Both had been used: a finding for the records."),
    "sealed": _("One had been used, the other stands in an unopened form: that form is held."),
}


@dataclass(frozen=True)
class Opinion:
    """What one person said."""

    by: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class CaseView:
    """A case to decide, or decided. `pieces`: old text without what was added, new text without what was removed.

    None where the reader may not see the other item.
    """

    case: TwinCase
    pieces: tuple[Piece, ...] | None
    opinions: list[Opinion]
    other_claimed: bool
    spoken: bool
    """Whether the reader has given an opinion already."""


def cases(db: Session, bank: Bank, who: Staff, number: int) -> tuple[list[CaseView], int]:
    """A page of open cases, the likest first, and how many there are; of items the reader may see."""
    where = [col(TwinCase.bank_id) == bank.id, col(TwinCase.decided_at).is_(None)]
    if not reach.sees_all(who, bank):
        where.append(col(TwinCase.item_id).in_(select(col(Item.id)).where(reach.seen(who, bank))))
    total = int(db.execute(select(func.count()).select_from(TwinCase).where(*where)).scalar_one())
    found = db.execute(
        select(TwinCase)
        .where(*where)
        .order_by(col(TwinCase.score).desc(), col(TwinCase.id))
        .limit(PAGE)
        .offset((number - 1) * PAGE)
    )
    return _views(db, bank, list(found.scalars()), who), total


def of_item(db: Session, bank: Bank, item_id: int, who: Staff) -> list[CaseView]:
    """Open cases of one item, on either side."""
    mine = (col(TwinCase.item_id) == item_id) | (col(TwinCase.other_id) == item_id)
    found = db.execute(select(TwinCase).where(mine, col(TwinCase.decided_at).is_(None)).order_by(col(TwinCase.id)).limit(PAGE))
    return _views(db, bank, list(found.scalars()), who)


def _hidden(db: Session, who: Staff, bank: Bank, items: Iterable[int]) -> set[int]:
    """Which of these items the reader may not see."""
    wanted = set(items)
    if reach.sees_all(who, bank):
        return set()
    return wanted - set(db.execute(select(col(Item.id)).where(col(Item.id).in_(wanted), reach.seen(who, bank))).scalars())


def _views(db: Session, bank: Bank, found: Sequence[TwinCase], who: Staff) -> list[CaseView]:
    hidden = _hidden(db, who, bank, (case.other_id for case in found))
    versions = [number for case in found for number in (case.version_id, case.other_version_id)]
    bodies = dict(db.execute(select(col(ItemVersion.id), col(ItemVersion.body)).where(col(ItemVersion.id).in_(versions))).all())
    texts = {number: readable(ItemBody.model_validate(body)) for number, body in bodies.items()}
    statement = select(TwinOpinion).where(col(TwinOpinion.case_id).in_([case.id for case in found]))
    said = list(db.execute(statement.order_by(col(TwinOpinion.id))).scalars())
    people = names(db, [opinion.by for opinion in said])
    claimed = set(
        db.execute(
            select(col(Item.id))
            .join(LedgerEntry, col(LedgerEntry.family_id) == col(Item.family_id))
            .where(col(Item.id).in_([case.other_id for case in found]), col(LedgerEntry.ended_at).is_(None))
        ).scalars()
    )
    return [
        CaseView(
            case,
            None if case.other_id in hidden else text_pieces(texts[case.other_version_id], texts[case.version_id]),
            [Opinion(people[one.by], one.verdict, one.reason) for one in said if one.case_id == case.id],
            case.other_id in claimed,
            any(one.by == who.person_id for one in said if one.case_id == case.id),
        )
        for case in found
    ]


def merges(db: Session, bank: Bank) -> list[tuple[FamilyMerge, str, str]]:
    """What was merged, newest first, with who did it and who undid it."""
    statement = select(FamilyMerge).where(col(FamilyMerge.bank_id) == bank.id).order_by(col(FamilyMerge.id).desc()).limit(100)
    found = list(db.execute(statement).scalars())
    people = names(db, [number for row in found for number in (row.by, row.undone_by)])
    return [(row, people[row.by], people[row.undone_by] if row.undone_by else "") for row in found]


@dataclass(frozen=True)
class NearLine:
    """One likeness shown beside the editor."""

    item_id: int
    percent: int
    way: str
    variant: bool
    live: bool
    band: str
    pieces: tuple[Piece, ...] | None


def near_lines(db: Session, job: Job, bank: Bank, who: Staff, typed: str) -> list[NearLine]:
    """What the child found for a draft, with the difference by character from what is `typed` now."""
    found = (job.result or {}).get("near", [])
    hidden = _hidden(db, who, bank, (one["item_id"] for one in found))
    bodies = db.execute(
        select(col(ItemVersion.id), col(ItemVersion.body)).where(col(ItemVersion.id).in_([one["version_id"] for one in found]))
    )
    texts = {number: readable(ItemBody.model_validate(body)) for number, body in bodies}
    return [
        NearLine(
            one["item_id"],
            round(one["score"] * 100),
            one["way"],
            one["variant"],
            one["live"],
            one["band"],
            None if one["item_id"] in hidden else text_pieces(texts[one["version_id"]], typed),
        )
        for one in found
        if one["version_id"] in texts
    ]


def forget_old(db: Session, who: Staff) -> None:
    """Drop this person's earlier questions: what was typed is nobody's business once it is answered or overtaken."""
    mine = select(Job).where(col(Job.kind) == QUICK, col(Job.institution_id) == who.institution_id, col(Job.state) != "running")
    old = [job.id for job in db.execute(mine).scalars() if job.actor.get("id") == who.person_id]
    db.execute(delete(Job).where(col(Job.id).in_(old)))
