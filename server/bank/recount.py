"""A paper set counted again from its stored slots: every demand of its blueprint beside what each form has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from itembank.assembly.audit import audit
from itembank.assembly.pool_item import PoolItem
from itembank.attributes import Sources, completed
from itembank.blueprint import BlueprintBody, TopicFacts, rows
from itembank.enemies import cliques
from itembank.sealing import Keyring
from itembank.tables import Bank, PaperSet
from server.bank.shortage_words import Sentences, row_of
from server.pages import _, translate


@dataclass(frozen=True)
class Asked:
    """One demand: in words, its bounds (`high` None: none), what each form has, whether that is within."""

    words: str
    low: str
    high: str
    found: list[str]
    met: list[bool]


@dataclass(frozen=True)
class Recount:
    """`faults`: of the recount that shares no code with assembly; `asked`: the same for people to follow."""

    faults: list[str]
    asked: list[Asked]


def recounted(
    db: Session,
    bank: Bank,
    papers: PaperSet,
    body: BlueprintBody,
    forms: Sequence[Sequence[PoolItem]],
    topics: Sequence[TopicFacts],
    keyring: Keyring,
) -> Recount:
    """Count again. Information was counted when the forms were made, with the estimates of then; it is in the set's report."""
    plain = body.model_copy(update={"information": ()})
    whole = [completed(db, bank.id, form, plain, Sources(keyring)) for form in forms]
    faults = audit(whole, plain, enemies=cliques(db, bank.id, papers.made_at))
    return Recount(faults, asked_of(plain, whole, topics))


def asked_of(body: BlueprintBody, forms: Sequence[Sequence[PoolItem]], topics: Sequence[TopicFacts]) -> list[Asked]:
    """Every demand but those on kinds of questions, which the sections are."""
    sentences = Sentences(topics)
    found = [
        _asked(
            sentences.cell(row_of(row)),
            row.low,
            row.high,
            [sum(row.matches(*item.look) for item in form) for form in forms],
        )
        for row in rows(body)[len({section.kind for section in body.sections}) :]
    ]
    if body.difficulty is not None:
        means = [sum(item.difficulty for item in form) / max(1, len(form)) for form in forms]
        found.append(_asked(translate(_("the mean difficulty")), body.difficulty.low / 100, body.difficulty.high / 100, means))
    if body.words is not None:
        words = [sum(item.words for item in form) for form in forms]
        found.append(_asked(translate(_("the characters to read")), body.words.low, body.words.high, words))
    if body.max_per_leaf is not None:
        leaves = [max((sum(one.topic == item.topic for one in form) for item in form), default=0) for form in forms]
        found.append(_asked(translate(_("Most per knowledge point")), 0, body.max_per_leaf, leaves))
    return found


def _asked(words: str, low: float, high: float, found: Sequence[float]) -> Asked:
    return Asked(words, f"{low:g}", f"{high:g}", [f"{value:.4g}" for value in found], [low <= value <= high for value in found])


def lowered_words(report: dict[str, Any] | None) -> list[str]:
    """What was asked of information and what was met instead, in words."""
    return [
        translate(
            _("At ability %(ability)s information of %(wished)s was asked; the bank gives %(given)s."),
            ability=f"{one['ability'] / 100:g}",
            wished=f"{one['wished'] / 1000:g}",
            given=f"{one['given'] / 1000:g}",
        )
        for one in (report or {}).get("lowered", [])
    ]
