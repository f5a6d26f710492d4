"""The ledger for people: claims of a bank, page by page, and the story of one item."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlmodel import Session, col

from itembank import ledger
from itembank.tables import Bank, Form, Item, LedgerEntry, PaperSet, Topic
from server.bank.scope import names
from server.pages import translate

PAGE = 100


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim in the list."""

    entry: LedgerEntry
    topic: str
    label: str
    paper_set_id: int
    title: str
    by: str


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One thing that happened to an item's family."""

    at: datetime
    state: str
    text: str


def ledger_page(db: Session, bank: Bank, state: str, number: int) -> dict[str, Any]:
    """One page of claims, newest first, with totals by state, and what an independent recount of the ledger found."""
    where = [col(Item.bank_id) == bank.id]
    conditions = _conditions()
    totals = {name: _count(db, [*where, condition]) for name, condition in conditions.items()}
    if state in conditions:
        where.append(conditions[state])
    statement = (
        select(LedgerEntry, col(Topic.code), col(Form.label), col(PaperSet.id), col(PaperSet.title))
        .join(Item, col(Item.id) == col(LedgerEntry.item_id))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .join(Form, col(Form.id) == col(LedgerEntry.form_id))
        .join(PaperSet, col(PaperSet.id) == col(Form.paper_set_id))
        .where(*where)
        .order_by(col(LedgerEntry.id).desc())
        .limit(PAGE)
        .offset((number - 1) * PAGE)
    )
    found = db.execute(statement).all()
    people = names(db, (row[0].claimed_by for row in found))
    rows = [
        ClaimRow(entry, topic, label, set_id, title, people[entry.claimed_by]) for entry, topic, label, set_id, title in found
    ]
    total = totals[state] if state in totals else sum(totals.values())
    pages = max(1, -(-total // PAGE))
    twice = len(ledger.audit(db))
    return {"rows": rows, "totals": totals, "state": state, "number": number, "pages": pages, "total": total, "twice": twice}


def _conditions() -> dict[str, ColumnElement[bool]]:
    ended, burned = col(LedgerEntry.ended_at), col(LedgerEntry.burned_at)
    return {
        "reserved": and_(ended.is_(None), burned.is_(None)),
        "burned": and_(ended.is_(None), burned.is_not(None)),
        "released": and_(ended.is_not(None), col(LedgerEntry.end_kind) != "voided"),
        "voided": col(LedgerEntry.end_kind) == "voided",
    }


def _count(db: Session, where: list[ColumnElement[bool]]) -> int:
    statement = select(func.count()).select_from(LedgerEntry).join(Item, col(Item.id) == col(LedgerEntry.item_id)).where(*where)
    return int(db.execute(statement).scalar_one())


def story(db: Session, item_id: int) -> list[StoryLine]:
    """What the ledger knows of an item's family, oldest first, people by name."""
    chapters = ledger.explain(db, item_id)
    people = names(db, (by for chapter in chapters if isinstance(by := chapter.text.params.get("by"), int)))
    lines = []
    for chapter in chapters:
        params = dict(chapter.text.params)
        if isinstance(params.get("by"), int):
            params["by"] = people[int(params["by"])]
        lines.append(StoryLine(chapter.at, chapter.state, translate(chapter.text.msgid, **params)))
    return lines
