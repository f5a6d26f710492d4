"""The demo holds what it promises: three exams' worth of forms and then a reason, a marked exam, one that stays open."""

import functools
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func
from sqlmodel import col, select

from itembank import lint, papers
from itembank.exchange import xlsx
from itembank.formulas import OPEN
from itembank.similarity import bands
from itembank.similarity.index import Index
from itembank.tables import Bank, Blueprint, LedgerEntry
from server import migrations, serving
from server.clock import FakeClock
from server.db import Databases, connect, reading, transaction
from server.demo import bank, exams, run
from server.demo.keeper import Keeper
from server.demo.people import House
from server.grading.tables import Result
from server.keyring import Keyring
from server.registry.tables import Entry, ExamSession
from server.settings import Settings, SettingsError
from server.sitting.commands import Arrive, Open
from server.sitting.exams import exam_of
from server.sitting.opening import open_exam_session
from server.sitting.store import store_for
from server.sitting.tables import SittingRow
from server.sitting.writer import Writer
from tests.conftest import START


@dataclass(frozen=True)
class World:
    dbs: Databases
    keyring: Keyring
    house: House
    clock: FakeClock


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}"
    migrations.upgrade(url)
    dbs, keyring, clock = connect(url), Keyring.ephemeral(), FakeClock(START)
    yield World(dbs, keyring, run.load(dbs, keyring, clock.now()), clock)
    dbs.dispose()


def test_the_content_is_as_promised() -> None:
    items = xlsx.read_items(
        (bank.CONTENT / "items.xlsx").read_bytes(),
        figures={path.name: path.read_bytes() for path in (bank.CONTENT / "figures").iterdir()},
    )
    tree = xlsx.read_syllabus((bank.CONTENT / "syllabus.xlsx").read_bytes())
    assert not isinstance(items, list)
    assert not isinstance(tree, list)
    kinds = [item.body.kind for item in items.items]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"single": 300, "multiple": 100, "true_false": 100}
    assert sum(bool(item.body.media) for item in items.items) >= 22
    assert sum("<table" in item.body.stem_html for item in items.items) >= 16
    assert sum(OPEN in item.body.stem_html for item in items.items) >= 40
    lints = [lint.lint_item(item.body, item.key, item.source) for item in items.items]
    assert [
        found for item in items.items for found in lint.lint(item.body, item.key, item.source) if found.severity != "hint"
    ] == []
    assert lint.lint_batch(lints) == []


def test_no_two_items_are_near_duplicates() -> None:
    figures = {path.name: path.read_bytes() for path in (bank.CONTENT / "figures").iterdir()}
    found = xlsx.sort_items((bank.CONTENT / "items.xlsx").read_bytes(), figures=figures)
    assert len(found.items) == 500
    index: Index[int] = Index()
    index.add([item.row for item in found.items], [bands.texts_of(item.body).whole for item in found.items])
    assert list(index.pairs(0.6)) == []


def test_three_exam_sessions(world: World) -> None:
    with reading(world.dbs) as db:
        sessions = db.exec(select(ExamSession).order_by(col(ExamSession.id))).all()
        entries = db.exec(select(func.count()).select_from(Entry)).one()
        marked = db.exec(select(Result).where(Result.exam_session_id == sessions[0].id)).all()
    assert [session.state for session in sessions] == ["marked", "scheduled", "draft"]
    assert entries == 128
    assert sum(result.state == "marked" for result in marked) == 90
    assert sum(result.state == "absent" for result in marked) == 2
    assert len({result.total for result in marked}) > 5


def test_the_open_exam_session_stays_open(world: World) -> None:
    writer = Writer(store_for(world.dbs.write), world.clock)
    writer.start()
    first, second = world.house.people["officer"], world.house.people["officer2"]
    keeper = Keeper(world.dbs, writer, world.clock, 2, range(1, 2), first, second)
    try:
        exams.release_paper(world.dbs, world.keyring, world.house, 2, now=world.clock.now())
        assert open_exam_session(world.dbs, writer, 2, by=first.actor, now=world.clock.now()) == []
        with reading(world.dbs) as db:
            row = db.get(ExamSession, 2)
            assert row is not None
            terms = exam_of(row).terms
        order = [[slot, [1, 2, 3, 4]] for slot in range(1, 51)]
        assert writer.do(Arrive(2, 1, device="pc-1")).ok
        assert writer.do(Open(2, 1, device="pc-1", page="page-0001", terms=terms, order=order)).ok
        for minutes in (56, 50, 50):
            world.clock.advance(minutes * 60)
            keeper.once()
        with reading(world.dbs) as db:
            sitting = db.get(SittingRow, (2, 1))
            assert sitting is not None
            assert sitting.state == "open"
            assert sitting.closes_at is not None
            assert sitting.closes_at > world.clock.now()
    finally:
        writer.stop()


def test_the_bank_gives_next_week_s_forms_and_then_says_why_not(world: World) -> None:
    with reading(world.dbs) as db:
        blueprint = db.exec(select(Blueprint.id).join(Bank)).one()
    make = functools.partial(
        papers.make_papers,
        functools.partial(transaction, world.dbs),
        blueprint,
        now=world.clock.now(),
        by=world.house.people["bank"].person_id,
    )
    third = make(seed=3)
    assert isinstance(third, papers.MakeResult)
    refused = make(seed=4)
    assert isinstance(refused, papers.Infeasible)
    assert {(one.kind, one.short) for one in refused.shortages} >= {("single", 60), ("multiple", 20), ("true_false", 20)}
    with reading(world.dbs) as db:
        claims = db.exec(select(LedgerEntry.family_id).where(col(LedgerEntry.ended_at).is_(None))).all()
    assert len(claims) == len(set(claims)) == 450


def test_a_running_demo_is_neither_forgotten_nor_doubled(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    kept = tmp_path / "demo" / "jikao.db"
    kept.parent.mkdir()
    kept.write_bytes(b"answers")
    with run.alone(tmp_path / "demo"), pytest.raises(SettingsError, match="a demo is running"):
        run.run(settings, reset=True)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(serving.PortTaken):
        run.run(Settings(data_dir=tmp_path, port=taken.getsockname()[1]), reset=True)
    assert kept.read_bytes() == b"answers"
