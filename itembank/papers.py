"""From a blueprint to sealed forms; the map of everything about papers.

`make_papers` is the recipe and reads top to bottom. The solver runs between two short transactions, never inside one: it
may take seconds, and an SQLite write lock held that long would stop candidates' answers. So it takes `begin`, a maker of
transactions (`functools.partial(transaction, dbs)`); `within(db)` makes one of a session that is already open.

Elsewhere, and reachable from here: the passport (`passport`), public packages (`packages`), key packages (`keys`), the
runway (`runway`). The solver is imported where it is used, so that serving code can import this file without it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert
from sqlmodel import Session, col, select

from itembank import ledger
from itembank.assembly.audit import audit
from itembank.assembly.laid_out import in_slot_order, report_of
from itembank.assembly.pool_item import PoolItem, pool_digest
from itembank.attributes import NO_SOURCES, Sources, complete
from itembank.blueprint import BlueprintBody, TopicFacts
from itembank.enemies import cliques
from itembank.errors import ItemBankError, NotFound, msg
from itembank.keys import cancel_item, correct_key, key_package
from itembank.packages import public_package
from itembank.passport import archive, burn, file_form, paper_set_ready, refuse_form, withdraw
from itembank.pool import Pool, get_bank, load_pool, load_topics, scope_of
from itembank.seals import ClaimsLost, SameFormExists, seal
from itembank.tables import Bank, Blueprint, Form, FormSlot, FormState, FormStep, Item, PaperSet, ReusePolicy

if TYPE_CHECKING:
    from itembank.assembly.explanation import Explanation, Mend, Shortage
    from itembank.assembly.search import State, Tell

# fmt: off
__all__ = [
    "LABELS", "Around", "AuditFailed", "Choice", "ClaimsLost", "Infeasible", "MakeResult", "SameFormExists", "TooContested",
    "Transactions", "archive", "burn", "cancel_item", "choose", "correct_key", "file_form", "key_package",
    "load_case", "make_papers", "paper_set_ready", "public_package", "refuse_form", "seal", "store",
    "withdraw", "within",
]
# fmt: on

Transactions = Callable[[], AbstractContextManager[Session]]

LABELS: Final = "ABCDEFGHJK"
_ATTEMPTS: Final = 60
_BATCH: Final = 500


class TooContested(ItemBankError):
    """Others took the chosen items again and again; trying once more is sensible."""

    def __init__(self) -> None:
        super().__init__(msg("Other assemblies are using this bank right now. Try again."))


class AuditFailed(ItemBankError):
    """The recount disagrees with the solver: nothing was stored. A fault of this program."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(msg("The recount of the forms failed: %(faults)s", faults="; ".join(faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class MakeResult:
    """Stored and reserved, not yet sealed.

    `spread` is the difference in difficulty sums, `bound` the least possible.
    """

    paper_set_id: int
    form_ids: tuple[int, ...]
    spread: float
    bound: float
    seed: int
    bank_digest: str
    blueprint_digest: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Infeasible:
    """There are no such forms (or, where `explanation.proved` is False, none were found); why, and what would mend it."""

    forms: int
    bank_digest: str
    explanation: "Explanation"

    @property
    def shortages(self) -> tuple["Shortage", ...]:
        """Single demands the bank cannot meet."""
        return self.explanation.shortages

    @property
    def mends(self) -> tuple["Mend", ...]:
        """The fewest questions to add."""
        return self.explanation.mends


@dataclass(frozen=True, slots=True)
class Case:
    """Everything an assembly has to know, read in one transaction."""

    bank: Bank
    blueprint_id: int
    blueprint_digest: str
    body: BlueprintBody
    pool: Pool
    topics: tuple[TopicFacts, ...]
    syllabus_id: int
    enemies: tuple[tuple[int, ...], ...] = ()
    """Item ids: of each group a form has one at most."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The forms found, questions in slot order."""

    forms: tuple[tuple[PoolItem, ...], ...]
    spread: float
    bound: float
    bank_digest: str
    method: str = "exact"
    objective: str = "spread"
    report: dict[str, Any] | None = None
    """How they were found, for `PaperSet.report`."""


@dataclass(frozen=True, slots=True)
class Around:
    """What long work wants besides: `read` makes sessions that lock nothing, `tell` hears how far a search is (see `choose`).

    `sources`: what a blueprint may ask of questions that is not beside them.
    """

    read: Transactions
    tell: "Tell"
    sources: Sources = NO_SOURCES


def _nobody(_state: "State") -> None:
    pass


def within(db: Session) -> Transactions:
    """`begin` for a caller that wants everything in its own open transaction: tests, small jobs."""
    return lambda: nullcontext(db)


def make_papers(
    begin: Transactions,
    blueprint_id: int,
    *,
    seed: int,
    now: datetime,
    by: int,
    forms: int | None = None,
    title: str | None = None,
    around: "Around | None" = None,
) -> MakeResult | Infeasible:
    """Assemble disjoint forms and reserve their items. `forms` None: as many as the blueprint says.

    The same seed on the same pool gives the same forms. A clash means that somebody took an item between reading and
    storing: read again, solve again without it. Raises `NotFound`, `TooContested`.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        with (around.read if around else begin)() as db:
            case = load_case(db, blueprint_id, around.sources if around else NO_SOURCES)
        choice = choose(case, forms or case.body.forms, seed, around.tell if around else _nobody)
        if isinstance(choice, Infeasible):
            return choice
        with begin() as db:
            made = store(db, case, choice, seed=seed, now=now, by=by, title=title)
        if made is not None:
            ids = tuple(form.id for form in made)
            return MakeResult(
                made[0].paper_set_id, ids, choice.spread, choice.bound, seed, choice.bank_digest, case.blueprint_digest, attempt
            )
    raise TooContested


def load_case(db: Session, blueprint_id: int, sources: Sources = NO_SOURCES) -> Case:
    """Read blueprint, bank, topics and pool with what the blueprint asks of it. Raises `NotFound`."""
    blueprint = db.get(Blueprint, blueprint_id)
    if blueprint is None:
        raise NotFound("blueprint", blueprint_id)
    bank = get_bank(db, blueprint.bank_id)
    body = BlueprintBody.model_validate(blueprint.body)
    pool = complete(db, bank.id, load_pool(db, bank), body, sources)
    apart = cliques(db, bank.id)
    return Case(bank, blueprint_id, blueprint.digest, body, pool, load_topics(db, bank), bank.syllabus_id, apart)


def choose(case: Case, forms: int, seed: int, tell: "Tell" = _nobody) -> Choice | Infeasible:
    """Find the forms, or why there are none. Pure; seconds of work for large banks.

    `tell` hears now and then how far it is; what it raises ends the search.
    """
    from itembank.assembly.explain import explain
    from itembank.assembly.find import NoForms, assemble

    free, bank_digest = case.pool.free, pool_digest(case.pool.free)
    found = assemble(free, case.body, forms, seed, enemies=case.enemies, tell=tell)
    if isinstance(found, NoForms):
        told = explain(free, case.pool.spent, case.body, case.topics, forms, enemies=case.enemies, proved=found.proved)
        return Infeasible(forms, bank_digest, told)
    chosen = tuple(in_slot_order([free[position] for position in form], found.body) for form in found.forms)
    faults = audit(chosen, found.body, enemies=case.enemies, stimuli=case.pool.sets)
    if faults:
        raise AuditFailed(faults)
    return Choice(chosen, found.value, found.bound, bank_digest, found.method, found.objective, report_of(found, chosen))


def store(
    db: Session, case: Case, choice: Choice, *, seed: int, now: datetime, by: int, title: str | None = None
) -> list[Form] | None:
    """Store set, forms and slots and claim the items, all or nothing.

    None when somebody else holds one of them, or when the bank has come to follow another content table meanwhile.
    """
    with db.begin_nested() as savepoint:
        if _follows(db, case.bank.id) != case.syllabus_id:
            return None
        papers = PaperSet(
            institution_id=case.bank.institution_id,
            bank_id=case.bank.id,
            blueprint_id=case.blueprint_id,
            title=title or case.body.title,
            seed=seed,
            bank_digest=choice.bank_digest,
            blueprint_digest=case.blueprint_digest,
            objective=choice.spread,
            bound=choice.bound,
            made_at=now,
            made_by=by,
            report=choice.report,
        )
        db.add(papers)
        db.flush()
        made = [Form(paper_set_id=papers.id, label=label) for label in LABELS[: len(choice.forms)]]
        db.add_all(made)
        db.flush()
        marks = [(n, s.marks_each) for n, s in enumerate(case.body.sections, 1) for _ in range(s.count)]
        topics = _topics_of(db, choice)
        for form, chosen in zip(made, choice.forms, strict=True):
            db.add(FormStep(form_id=form.id, state=FormState.COMPOSED, at=now, by=by))
            db.execute(insert(FormSlot), _slots(form.id, chosen, marks, topics))
        db.flush()
        claims = [
            ledger.Claim(item.family_id, case.pool.slots.get(item.family_id, 0), item.item_id, form.id)
            for form, chosen in zip(made, choice.forms, strict=True)
            for item in chosen
        ]
        reusable = case.bank.policy == ReusePolicy.COOLING_OFF
        if ledger.reserve(db, scope_of(case.bank), claims, reusable=reusable, by=by, now=now):
            savepoint.rollback()
            return None
    return made


def _follows(db: Session, bank_id: int) -> int:
    """The content table the bank follows, held until the transaction ends."""
    return db.exec(select(Bank.syllabus_id).where(Bank.id == bank_id).with_for_update(read=True)).one()


def _topics_of(db: Session, choice: Choice) -> dict[int, int]:
    """Item -> the knowledge point it stands on now."""
    wanted = [item.item_id for form in choice.forms for item in form]
    found: dict[int, int] = {}
    for start in range(0, len(wanted), _BATCH):
        some = select(Item.id, Item.topic_id).where(col(Item.id).in_(wanted[start : start + _BATCH]))
        found.update(db.exec(some).all())
    return found


def _slots(
    form_id: int, chosen: Sequence[PoolItem], marks: Sequence[tuple[int, int]], topics: Mapping[int, int]
) -> list[dict[str, int]]:
    """Rows: one statement for all of them, since the write lock is held meanwhile."""
    return [
        {
            "form_id": form_id,
            "slot": n,
            "item_version_id": item.item_version_id,
            "item_id": item.item_id,
            "family_id": item.family_id,
            "section": section,
            "marks": each,
            "topic_id": topics[item.item_id],
        }
        for n, (item, (section, each)) in enumerate(zip(chosen, marks, strict=True), 1)
    ]
