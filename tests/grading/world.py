"""A small exam with known answers: two forms of five items of 20 marks, eight entries, every total computed by hand.

Keys (by the generated bank): single 1, multiple 1 and 3, true/false 1. Slots 1-3 single, 4 multiple, 5 true/false.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from itembank import papers
from itembank.packages import public_package
from itembank.papers import Choice
from itembank.tables import PaperSet
from server.audit.trail import Actor
from server.clock import FakeClock
from server.db import Databases, transaction
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.commands import Admit, Arrive, Close, Command, Force, Op, Open, Operations, Terms, Void
from server.sitting.store import store_for, to_ms
from server.sitting.writer import Writer
from tests import factories
from tests.itembank import banks

MINUTE = 60_000
RIGHT = {1: [1], 2: [1], 3: [1], 4: [1, 3], 5: [1]}

ANSWERS: dict[int, tuple[str, Mapping[int, Sequence[int | str]], str]] = {
    1: ("A", RIGHT, "submitted"),
    2: ("A", {1: [1], 2: [1], 3: [2], 4: [1], 5: [1]}, "submitted"),
    3: ("A", {1: [1], 2: [1], 3: [2], 4: [1, 2], 5: [2]}, "submitted"),
    4: ("A", {}, "forced"),
    5: ("A", {}, "absent"),
    6: ("A", RIGHT, "voided"),
    7: ("B", RIGHT, "submitted"),
    8: ("B", {1: [1], 2: [1], 3: [1]}, "timed_out"),
}
"""Entry -> form, responses, how it ended."""

TOTALS = {1: 100_00, 2: 60_00, 3: 40_00, 4: 0, 5: None, 6: None, 7: 100_00, 8: 60_00}
"""By hand: 2 has 1, 2, 5 right; 3 has 1, 2; 8 has 1, 2, 3."""

CORRECTED = {**TOTALS, 1: 80_00, 2: 80_00, 3: 60_00}
"""By hand, form A slot 3 with the key 2 instead of 1: 1 loses 20 marks, 2 and 3 win 20; 3 now passes."""


@dataclass(frozen=True)
class World:
    exam_session_id: int
    institution_id: int
    forms: dict[str, int]
    place: factories.Place


def forms_without_solver(dbs: Databases, keyring: Keyring, clock: FakeClock) -> tuple[int, dict[str, int]]:
    """Two disjoint forms, the first items of each kind: sealed through the product's own functions."""
    tree = banks.topics(2, 2)
    wanted = banks.full_pool(tree, each=3)
    with transaction(dbs) as db:
        institution = db.connection().exec_driver_sql("SELECT max(id) FROM institution").scalar_one()
    made = banks.stored_bank(
        dbs, keyring, wanted, tree, banks.small_body(tree), institution_id=institution, code=f"DG{institution}"
    )
    return _sealed(dbs, keyring, clock, made.blueprint_id)


def another_set(dbs: Databases, keyring: Keyring, clock: FakeClock, paper_set_id: int) -> tuple[int, dict[str, int]]:
    """Two more such forms from the same bank, as a set of its own."""
    with transaction(dbs) as db:
        blueprint_id = db.get_one(PaperSet, paper_set_id).blueprint_id
    return _sealed(dbs, keyring, clock, blueprint_id)


def _sealed(dbs: Databases, keyring: Keyring, clock: FakeClock, blueprint_id: int) -> tuple[int, dict[str, int]]:
    with transaction(dbs) as db:
        case = papers.load_case(db, blueprint_id)
        free = list(case.pool.free)
        chosen = []
        for _form in range(2):
            form = []
            for kind, count in (("single", 3), ("multiple", 1), ("true_false", 1)):
                mine = [item for item in free if item.kind == kind][:count]
                free = [item for item in free if item not in mine]
                form += mine
            chosen.append(tuple(form))
        stored = papers.store(db, case, Choice(tuple(chosen), 0, 0.0, "0" * 64), seed=1, now=clock.now(), by=banks.MANAGER)
        assert stored is not None
        paper_set = stored[0].paper_set_id
        papers.seal(db, paper_set, keyring, now=clock.now(), by=banks.MANAGER)
        return paper_set, {form.label: form.id for form in stored}


def build(
    dbs: Databases,
    clock: FakeClock,
    keyring: Keyring,
    *,
    answers: Mapping[int, tuple[str, Mapping[int, Sequence[int | str]], str]] = ANSWERS,
    profile: SessionProfile | None = None,
    institution_id: int | None = None,
    state: str = "ended",
    make_papers: Callable[[Databases, Keyring, FakeClock], tuple[int, dict[str, int]]] = forms_without_solver,
) -> World:
    """The exam, sat and ended, not yet marked."""
    with transaction(dbs) as db:
        place = factories.place(db, institution_id, capacity=max(30, len(answers)))
    paper_set, forms = make_papers(dbs, keyring, clock)
    with transaction(dbs) as db:
        how = profile or SessionProfile(identity_check=False)
        exam = factories.exam_session(db, place, clock.now(), state=state, profile=how, paper_set_id=paper_set)
        for no, (label, _responses, _end) in answers.items():
            factories.entry(db, place, exam, no, keyring, form_label=label)
    sit(dbs, clock, keyring, exam, place, forms, answers)
    return World(exam, place.institution_id, forms, place)


def sit(
    dbs: Databases,
    clock: FakeClock,
    keyring: Keyring,
    exam: int,
    place: factories.Place,
    forms: Mapping[str, int],
    answers: Mapping[int, tuple[str, Mapping[int, Sequence[int | str]], str]],
) -> None:
    """Everyone sits, through the writer."""
    bell = to_ms(clock.now())
    terms = Terms(
        bell_at=bell,
        duration_ms=20 * MINUTE,
        latest_entry_ms=5 * MINUTE,
        earliest_hand_in_ms=0,
        grace_ms=10_000,
        identity_check=False,
    )
    with transaction(dbs) as db:
        packages = {label: public_package(db, form_id, keyring) for label, form_id in forms.items()}
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    try:
        for no, (label, responses, end) in answers.items():
            if end == "absent":
                continue
            package = packages[label]
            order = [[item.slot, [option.id for option in item.options]] for item in package.items]
            page = f"page-{no}"
            begin: list[Command] = [
                Admit(exam, no, institution_id=place.institution_id, room_id=place.room_id, form_id=forms[label]),
                Arrive(exam, no, device=f"pc-{no}"),
                Open(exam, no, device=f"pc-{no}", page=page, terms=terms, order=order, paper_digest=package.digest),
            ]
            ops = [Op(n, item=slot, value=list(chosen)) for n, (slot, chosen) in enumerate(responses.items(), 1)]
            if end == "submitted":
                ops.append(Op(len(ops) + 1, submit=True))
            if ops:
                begin.append(Operations(exam, no, epoch=1, ops=ops))
            outcomes = writer.do_many(begin)
            assert all(outcome.ok for outcome in outcomes), outcomes
        clock.advance(21 * 60)
        ends = {"forced": Force, "voided": Void}
        for no, (_label, _responses, end) in answers.items():
            if end in ends:
                assert writer.do(ends[end](exam, no, actor=Actor("staff", 1, "监考"), reason="收卷")).ok
            elif end == "timed_out":
                assert writer.do(Close(exam, no)).ok
    finally:
        assert writer.stop()


def set_state(dbs: Databases, exam: int, state: str) -> None:
    """Set the exam session's state, as another slice would."""
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam)
        session.state = state
        db.add(session)
