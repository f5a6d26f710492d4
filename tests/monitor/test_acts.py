"""Acts through the real writer, on both databases: two people for long credits, moves, registers, what is kept apart."""

import json

import pytest
from sqlmodel import col, select

from server.audit.tables import AuditRow
from server.db import reading, transaction
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.monitor import acts, approvals, incidents, kept_apart, moves, reports
from server.monitor.acts import Act, Details
from server.monitor.approvals import Request
from server.monitor.board import Tile, read_board
from server.monitor.incidents import IncidentDraft
from server.monitor.rules import SeatState
from server.registry.tables import Entry
from server.sitting.commands import Judge, Op
from server.sitting.reading import held_operations, reported_faults
from tests import factories
from tests.monitor.conftest import DURATION, Desk


def tiles(desk: Desk) -> dict[int, Tile]:
    scope = desk.scope(desk.staff())
    pulses = {(desk.exam, no): 1.0 for no in range(1, desk.people + 1)}
    with transaction(desk.dbs) as db:
        board = read_board(db, scope, pulses, desk.clock.now(), 100.0)
    return {tile.entry_no: tile for tile in board.tiles if tile.entry_no}


def do(desk: Desk, act: Act, *numbers: int, **details: object) -> dict[int, str]:
    who = desk.staff()
    with transaction(desk.dbs) as db:
        found = acts.targets(db, desk.scope(who), list(numbers) or None)
    asked = acts.commands(act, desk.exam, found, Details(**details), who.actor)  # type: ignore[arg-type]
    return {result.target.entry_no: result.code for result in acts.perform(desk.writer, asked, found)}


def test_the_board_shows_progress_and_time_left(desk: Desk) -> None:
    assert desk.answer(2, Op(1, item=1, value=[1]), Op(2, item=2, value=[2, 3])).ok
    tile = tiles(desk)[2]
    assert (tile.state, tile.answered, tile.total) == (SeatState.OPEN, 2, 20)
    assert tile.closes_ms == round(desk.clock.now().timestamp() * 1000) + 20 * 60_000


def test_acts_reach_every_seat_and_say_what_was_refused(desk: Desk) -> None:
    assert do(desk, Act.FORCE, 3, reason="网络中断") == {3: "ok"}
    assert do(desk, Act.PAUSE, reason="停电") == {1: "ok", 2: "ok", 3: "closed", 4: "ok"}
    assert tiles(desk)[1].state is SeatState.PAUSED
    assert do(desk, Act.RESUME, 1) == {1: "ok"}
    assert do(desk, Act.VOID, 4, reason="传递纸条", category="copying") == {4: "ok"}
    states = {no: tile.state for no, tile in tiles(desk).items()}
    assert states == {1: SeatState.OPEN, 2: SeatState.PAUSED, 3: SeatState.HANDED_IN, 4: SeatState.VOIDED}


def test_credits_of_one_person_add_up_to_five_minutes_and_no_more(desk: Desk) -> None:
    before = tiles(desk)[1].closes_ms or 0
    assert do(desk, Act.CREDIT, 1, reason="设备故障", minutes=3) == {1: "ok"}
    assert do(desk, Act.CREDIT, 1, reason="设备故障", minutes=3) == {1: "needs_second"}
    assert tiles(desk)[1].closes_ms == before + 3 * 60_000


def ask_for(desk: Desk, minutes: int = 10) -> tuple[int, object]:
    asker = desk.staff()
    wanted = Request("credit", (1, 2), (desk.place.room_id,), "停电", {"minutes": minutes})
    with transaction(desk.dbs) as db:
        return approvals.ask(db, desk.scope(asker), wanted, asker, desk.clock.now()), asker


def test_another_person_decides_once_and_in_time(desk: Desk) -> None:
    request_id, asker = ask_for(desk)
    second = desk.staff()
    scope = desk.scope(second)
    now = desk.clock.now()
    with transaction(desk.dbs) as db, pytest.raises(Forbidden):
        approvals.decide(db, scope, request_id, True, asker, now)  # type: ignore[arg-type]
    with transaction(desk.dbs) as db:
        row = approvals.decide(db, scope, request_id, True, second, now)
        assert (row.asked_by != row.decided_by, row.decision) == (True, "confirmed")
        assert approvals.standing(row, now) == "interrupted"
    with transaction(desk.dbs) as db, pytest.raises(Conflict):
        approvals.decide(db, scope, request_id, False, desk.staff(), now)


def test_a_request_grows_old(desk: Desk) -> None:
    request_id, _asker = ask_for(desk)
    second = desk.staff()
    scope = desk.scope(second)
    desk.clock.advance(30 * 60)
    with transaction(desk.dbs) as db, pytest.raises(Conflict):
        approvals.decide(db, scope, request_id, True, second, desk.clock.now())


def test_both_names_stand_in_the_journal(desk: Desk) -> None:
    first, second = desk.staff(), desk.staff()
    with transaction(desk.dbs) as db:
        found = acts.targets(db, desk.scope(first), [1])
    details = Details(reason="停电", minutes=10)
    asked = acts.commands(Act.CREDIT, desk.exam, found, details, first.actor, second.actor)
    assert [result.code for result in acts.perform(desk.writer, asked, found)] == ["ok"]
    with transaction(desk.dbs) as db:
        row = db.exec(select(AuditRow).where(col(AuditRow.verb) == "sitting.credit")).one()
    assert (row.actor_id, row.detail["second"][1]) == (first.person_id, second.person_id)


def test_a_move_takes_the_free_seat_once(desk: Desk) -> None:
    who = desk.staff()
    scope = desk.scope(who)
    assert do(desk, Act.TAKE_OVER, 1, reason="死机") == {1: "ok"}
    assert desk.answer(1, Op(1, item=1, value=[1])).code == "fenced"
    with transaction(desk.dbs) as db:
        first, second = acts.targets(db, scope, [1, 2])
        seat = moves.chosen_seat(db, scope, f"{desk.place.room_id}-9")
        assert seat is not None
        moves.move(db, desk.exam, first, seat, who.actor, desk.clock.now())
        row = db.get(Entry, (desk.exam, 1))
        assert row is not None
        assert row.seat_no == 9
        with pytest.raises(Conflict):
            moves.move(db, desk.exam, second, seat, who.actor, desk.clock.now())
        with pytest.raises(Invalid):
            moves.chosen_seat(db, scope, f"{desk.place.room_id}-9")


def test_reports_show_slot_form_and_count_but_no_words(desk: Desk) -> None:
    desk.answer(1, Op(1, item=7, report="第三个选项看不清"))
    desk.answer(4, Op(1, item=7, report="图错了"))
    who = desk.staff()
    scope = desk.scope(who)
    assert tiles(desk)[1].alerts == ("reported",)
    with transaction(desk.dbs) as db:
        [line] = reports.reported(db, scope)
        assert (line.form_label, line.slot, line.entry_nos, line.is_new) == ("B", 7, (1, 4), True)
        assert "看不清" not in repr(line)
        assert reports.mark_seen(db, scope, "B", 7, who, desk.clock.now())
        assert not reports.mark_seen(db, scope, "A", 7, who, desk.clock.now())
    assert tiles(desk)[1].alerts == ()
    with transaction(desk.dbs) as db:
        assert not reports.reported(db, scope)[0].is_new


def test_a_report_that_was_held_is_listed_once_it_is_judged(desk: Desk) -> None:
    assert desk.answer(4, Op(1, item=7, report="图错了")).ok
    desk.writer.hold = lambda _exam: "clock"
    desk.clock.advance(DURATION.total_seconds() + 15)
    assert desk.answer(1, Op(1, item=7, report="题干印错了"), Op(2, item=3, value=[1])).ok
    assert do(desk, Act.CREDIT, 1, minutes=2, reason="停电") == {1: "ok"}
    desk.writer.hold = lambda _exam: None
    scope = desk.scope(desk.staff())
    assert "reported" not in tiles(desk)[1].alerts
    with reading(desk.dbs) as db:
        assert [line.entry_nos for line in reports.reported(db, scope)] == [(4,)]
        assert [fault[0] for fault in reported_faults(db, desk.exam)] == [4]
        waiting = held_operations(db, desk.exam)[1]
    assert desk.ask(Judge(desk.exam, 1, waiting)).ok
    assert "reported" in tiles(desk)[1].alerts
    with reading(desk.dbs) as db:
        assert [line.entry_nos for line in reports.reported(db, scope)] == [(1, 4)]
        faults = {(no, slot, text) for no, _form, slot, text, _at in reported_faults(db, desk.exam)}
        assert faults == {(1, 7, "题干印错了"), (4, 7, "图错了")}
        assert [fault[0] for fault in reported_faults(db, desk.exam, [1, 2])] == [1]


def test_what_is_kept_apart_is_listed_unread_and_admitted_by_two(desk: Desk) -> None:
    do(desk, Act.FORCE, 2, reason="网络中断")
    assert desk.answer(2, Op(1, item=5, value=[2])).code == "closed"
    first, second = desk.staff(), desk.staff()
    scope = desk.scope(first)
    with transaction(desk.dbs) as db:
        [group] = kept_apart.listed(db, scope)
        assert (group.target.entry_no, group.count) == (2, 1)
        wanted = Request("admit_late", (2,), (desk.place.room_id,), "断网前已作答", {"operations": group.names})
        request_id = approvals.ask(db, scope, wanted, first, desk.clock.now())
    with transaction(desk.dbs) as db:
        row = approvals.decide(db, scope, request_id, True, second, desk.clock.now())
        asked = kept_apart.commands(db, desk.exam, [group.target], row, first.actor, second.actor)
    assert acts.perform(desk.writer, asked, [group.target])[0].code == "ok"
    assert tiles(desk)[2].answered == 1
    with transaction(desk.dbs) as db:
        assert kept_apart.listed(db, scope) == []


def test_incidents_are_added_corrected_and_never_changed(desk: Desk) -> None:
    who = desk.staff()
    scope = desk.scope(who)
    now = desk.clock.now()
    draft = IncidentDraft(desk.place.room_id, "equipment", now, "=HYPERLINK(1) 鼠标失灵", "换鼠标", seat_no=2)
    with transaction(desk.dbs) as db:
        first = incidents.record(db, scope, draft, who, now)
        again = IncidentDraft(desk.place.room_id, "network", now, "是网络故障", corrects_id=first)
        incidents.record(db, scope, again, who, now)
        lines = incidents.for_record(db, desk.exam, [desk.place.room_id])
    assert [(line.seat_no, line.name, line.corrected) for line in lines] == [(2, "考生2", True), (None, "", False)]
    assert incidents.to_xlsx(lines).startswith(b"PK")
    wrong = IncidentDraft(desk.place.room_id, "nonsense", now.replace(year=2027), "", seat_no=99, corrects_id=10_000)
    with transaction(desk.dbs) as db, pytest.raises(Invalid) as caught:
        incidents.record(db, scope, wrong, who, now)
    names = {problem.field for problem in caught.value.fields}
    assert names == {"category", "text", "seat_no", "happened_at", "corrects_id"}


def test_nobody_sees_another_centre_or_institution(desk: Desk) -> None:
    with transaction(desk.dbs) as db:
        elsewhere = factories.place(db, desk.place.institution_id)
        strange = factories.institution(db)
    for who in (desk.staff(centre_id=elsewhere.centre_id), desk.staff(institution_id=strange)):
        with pytest.raises(NotFound):
            desk.scope(who)
    own = desk.staff(centre_id=desk.place.centre_id)
    assert desk.scope(own).room_ids == (desk.place.room_id,)
    with pytest.raises(NotFound):
        desk.scope(own, elsewhere.room_id)


def test_nothing_of_a_paper_is_in_a_tile(desk: Desk) -> None:
    desk.answer(1, Op(1, item=1, value=[3]))
    text = json.dumps(tiles(desk)[1].json())
    assert not {"value", "order", "head", "receipt"} & set(json.loads(text))


@pytest.mark.parametrize(
    ("act", "details", "fields"),
    [
        (Act.CREDIT, Details(), {"reason", "minutes"}),
        (Act.CREDIT, Details(reason="停电", minutes=181), {"minutes"}),
        (Act.VOID, Details(reason="停电", category="equipment"), {"category"}),
        (Act.MESSAGE, Details(text="x" * 201), {"text"}),
        (Act.TAKE_OVER, Details(reason="死机"), {"entry"}),
        (Act.RESUME, Details(), set()),
    ],
)
def test_what_an_act_must_say(act: Act, details: Details, fields: set[str]) -> None:
    found = [acts.Target(1, 1, 1, "1-1", "甲"), acts.Target(2, 1, 2, "1-2", "乙")]
    if not fields:
        acts.check(act, found, details)
        return
    with pytest.raises(Invalid) as caught:
        acts.check(act, found, details)
    assert {problem.field for problem in caught.value.fields} == fields
