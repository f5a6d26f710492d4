"""`jikao demo`: load once, keep the data, serve, keep ten candidates at work, say where to click."""

import contextlib
import fcntl
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, select
from starlette.datastructures import State

from server import migrations, serving
from server.app import create_app
from server.clock import Clock, SystemClock
from server.db import Databases, connect, reading, transaction
from server.demo import bank, exams, people, roster
from server.demo.keeper import Keeper
from server.demo.people import PASSWORD, PEOPLE, House
from server.fitting_keys import open_keys
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import Entry, ExamSession, Institution
from server.settings import LOOPBACK, Settings, SettingsError
from server.sitting.opening import open_exam_session
from server.sitting.store import store_for
from server.sitting.writer import Writer

BOTS = range(1, 11)
"""Entries of the open exam session that simulated candidates sit; the others are for visitors."""
VISITORS = (21, 22, 23)
OPEN_SEED = 2


def run(settings: Settings, *, reset: bool) -> None:
    """Everything `make demo` does after the environment is there."""
    settings = settings.model_copy(
        update={"data_dir": settings.data_dir / "demo", "database_url": "", "workers": 1, "redis_url": ""}
    )
    if settings.host not in LOOPBACK:
        raise SettingsError("the demo has published passwords: it listens on 127.0.0.1 only")
    with alone(settings.data_dir):
        listener = serving.listen(settings)  # before anything is loaded or forgotten: a taken port is said at once
        if reset and settings.data_dir.exists():
            shutil.rmtree(settings.data_dir)
        _serve(settings, listener)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One demo on a folder at a time, whatever its port: two would share one SQLite file. Raises `SettingsError`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("demo.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"a demo is running on {folder}: stop it first (Ctrl+C where it runs); nothing was changed"
            ) from None
        yield


def _serve(settings: Settings, listener: socket.socket) -> None:
    migrations.upgrade(settings.url)
    dbs, clock = connect(settings.url), SystemClock()
    keyring = open_keys(dbs, settings, clock.now())
    house = _house(dbs)
    if house is None:
        print("Loading the demo: a bank of 500 items, three exam sessions, 128 candidates …", flush=True)
        house = load(dbs, keyring, clock.now())
    with reading(dbs) as db:
        session = _open_session(db, house)
        entries = db.exec(select(Entry).where(Entry.exam_session_id == session).order_by(col(Entry.no))).all()
    _anchor(dbs, keyring, clock, house, session)
    dbs.dispose()
    app = create_app(settings, clock=clock, keyring=keyring)
    url = f"http://{settings.host}:{settings.port}"
    secrets = {one.candidate.id_number[-4:]: one.candidate.id_number[-6:] for one in roster.people(exams.OPEN, OPEN_SEED)}
    logins = [(entry.admission_no, secrets[entry.id_tail]) for entry in entries]
    with _at_work(app.state, house, session, url, logins):
        serving.serve(app, settings, ready=_welcome(url, house, session, [logins[no - 1] for no in VISITORS]), listener=listener)


def _house(dbs: Databases) -> House | None:
    with reading(dbs) as db:
        found = db.exec(select(Institution.id).where(Institution.code == "DEMO")).first()
        return None if found is None else people.find(db, found)


def load(dbs: Databases, keyring: Keyring, now: datetime) -> House:
    """Make everything. The first two exam sessions get a paper set each; next week's is still to be assembled."""
    with transaction(dbs) as db:
        house = people.load(db, now)
        plan = exams.plan(db, house)
    blueprint = bank.load(dbs, keyring, house, now)
    sets = [
        bank.make_filed_set(
            dbs, keyring, house, blueprint, seed=seed, title="电工四级理论知识试卷", filing=f"浙技备〔2026〕{seed:03d}", now=now
        )
        for seed in (1, 2)
    ]
    yesterday = (now - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    first = exams.draft_of(plan, blueprint, "电工四级理论知识考试 第一场", yesterday, house.room_ids, SessionProfile())
    exams.finished(dbs, keyring, house, first, sets[0])
    second = exams.draft_of(plan, blueprint, "电工四级理论知识考试 第二场", now, house.room_ids[1:3], exams.ALL_DAY)
    exams.schedule(dbs, keyring, house, second, roster.people(exams.OPEN, OPEN_SEED), paper_set_id=sets[1], now=now)
    next_week = (now + timedelta(days=7)).replace(hour=1, minute=0, second=0, microsecond=0)
    third = exams.draft_of(plan, blueprint, "电工四级理论知识考试 第三场", next_week, house.room_ids[3:4], SessionProfile())
    exams.schedule(dbs, keyring, house, third, roster.people(exams.NEXT_WEEK, 3), paper_set_id=None, now=now)
    return house


def _open_session(db: Session, house: House) -> int:
    rows = db.exec(
        select(ExamSession.id).where(ExamSession.institution_id == house.institution_id).order_by(col(ExamSession.id))
    ).all()
    return rows[1] or 0


def _anchor(dbs: Databases, keyring: Keyring, clock: Clock, house: House, session: int) -> None:
    """Open the exam session if it is new, else bring it back to now; before anything else serves."""
    with reading(dbs) as db:
        new = db.get_one(ExamSession, session).state == "scheduled"
    if new:
        exams.release_paper(dbs, keyring, house, session, now=clock.now())
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    try:
        open_exam_session(dbs, writer, session, by=house.people["officer"].actor, now=clock.now())
        Keeper(dbs, writer, clock, session, BOTS, house.people["officer"], house.people["officer2"]).once()
    finally:
        writer.stop()


@contextlib.contextmanager
def _at_work(state: State, house: House, session: int, url: str, logins: list[tuple[str, str]]) -> Iterator[None]:
    """The keeper in this process, the simulated candidates in one of their own; both end with the server."""
    keeper = Keeper(
        state.dbs,
        state.writer,
        state.clock,
        session,
        BOTS,
        house.people["officer"],
        house.people["officer2"],
    )
    keeper.start()
    candidates = subprocess.Popen([sys.executable, "-m", "server.demo.candidates", url], stdin=subprocess.PIPE)
    assert candidates.stdin is not None
    lines = "".join(f"{admission} {secret}\n" for admission, secret in (logins[no - 1] for no in BOTS))
    candidates.stdin.write((lines + "\n").encode())
    candidates.stdin.flush()
    try:
        yield
    finally:
        keeper.stop()
        candidates.terminate()
        candidates.wait(10)


def _welcome(url: str, house: House, session: int, visitors: list[tuple[str, str]]) -> str:
    lines = [
        "",
        f"  Jikao 机考 is running: {url}        (Ctrl+C stops it; the data stays)",
        "",
        f"  Candidate 考生        {url}/exam",
        *(f"     准考证号 {admission}   身份证后六位 {secret}" for admission, secret in visitors),
        "",
        f"  Live board 监考看板   {url}/board",
        f"  Everybody else        {url}/sign-in     password: {PASSWORD}",
        *(f"     {login:<12} {name}  {what}" for login, name, _roles, what in PEOPLE),
        "",
        "  Try: watch the board as `invigilator`; publish yesterday's results as `results` and `results2`;",
        "  assemble next week's forms as `bank`, then ask for one more set: the bank says why not.",
        "",
    ]
    return "\n".join(lines)
