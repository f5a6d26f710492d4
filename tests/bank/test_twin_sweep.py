"""Behind the notices: versions never compared are found, answered questions of the editor disappear."""

import pytest
from sqlmodel import select

from itembank.family_tables import TwinCase, TwinCheck
from itembank.tables import Item
from server.bank import twin_sweep
from server.clock import FakeClock
from server.db import transaction
from server.jobs import QUICK, Job
from tests.bank.conftest import House
from tests.bank.test_items import SINGLE
from tests.bank.test_twins import a_choice, a_copy


def sweep(house: House) -> int:
    state = house.app.state
    return twin_sweep.queue_unchecked(state.dbs, state.clock, state.jobs)


def lose_notices(house: House) -> None:
    """What a child that dies at the wrong moment does."""
    with transaction(house.app.state.dbs) as db:
        for job in db.exec(select(Job).where(Job.kind == twin_sweep.KIND)):
            db.delete(job)


def test_a_lost_notice_is_made_good(house: House, bank: str, clock: FakeClock) -> None:
    _item, body = a_choice(house)
    done = house.act("writer").post(f"{bank}/items", data=a_copy(body) | {"then": "submit"})
    assert done.status_code == 303
    lose_notices(house)
    house.work()
    assert sweep(house) == 0, "a notice has its five minutes"
    clock.advance(301)
    assert sweep(house) == 1, "an import is compared when it is stored"
    assert sweep(house) == 0, "that is under way"
    house.work()
    assert sweep(house) == 0
    with house.db() as db:
        case = db.exec(select(TwinCase)).one()
        assert case.item_id == int(done.headers["location"].rpartition("/")[2])
        assert len(db.exec(select(TwinCheck)).all()) == len(db.exec(select(Item)).all()) == 501


def test_what_came_in_without_a_notice_is_compared_some_at_a_time(house: House, clock: FakeClock) -> None:
    with transaction(house.app.state.dbs) as db:
        connection = db.connection()
        connection.exec_driver_sql("DROP TRIGGER twin_check_no_delete")  # as if they had come by the command line
        connection.exec_driver_sql("DELETE FROM twin_check")
        connection.exec_driver_sql("DELETE FROM job WHERE kind = 'bank.compare_items'")
    clock.advance(301)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twin_sweep, "AT_ONCE", 300)
        assert [sweep(house), sweep(house)] == [300, 0]
        house.work()
        assert sweep(house) == 200
        house.work()
        assert sweep(house) == 0
    with house.db() as db:
        assert len(db.exec(select(TwinCheck)).all()) == 500


def test_drafts_are_not_compared_and_handing_in_needs_no_sweep(house: House, bank: str, clock: FakeClock) -> None:
    house.work()  # the furnished bank's own notice
    house.act("writer").post(f"{bank}/items", data={**SINGLE, "then": "save"})
    house.act("writer").post(f"{bank}/items", data={**SINGLE, "stem": "提交的题（　）。", "then": "submit"})
    house.work()
    clock.advance(3600)
    assert sweep(house) == 0


def test_answered_questions_are_thrown_away(house: House, bank: str, clock: FakeClock) -> None:
    house.work()
    house.act("writer").post(f"{bank}/items/twins", data=SINGLE, headers={"hx-request": "true"})
    house.work()
    state = house.app.state

    def left() -> int:
        twin_sweep.forget_answered(state.dbs, state.clock)
        with house.db() as db:
            return len(db.exec(select(Job).where(Job.kind == QUICK)).all())

    assert left() == 1
    clock.advance(901)
    assert left() == 0
