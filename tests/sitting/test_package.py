"""The paper before the bell: as ciphertext and nothing else, the same for everybody, opened by a key that comes with the bell."""

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from fastapi.testclient import TestClient
from sqlalchemy import event, text
from sqlmodel import col, select

from itembank import passport, sealing
from itembank.packages import public_package
from itembank.tables import Form, LedgerEntry
from server.audit.trail import Actor
from server.auth.permissions import ROLES
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting import package
from server.sitting.commands import MarkIdentity, Pause, TakeOver
from server.sitting.core import Core
from server.sitting.package import Packages
from server.sitting.tables import PaperPackage
from tests import factories
from tests.grading.world import another_set
from tests.sitting.conftest import Candidate, Exam, make_exam

Maker = Callable[[int], Candidate]
Ring = Callable[[], None]
STAFF = Actor("staff", 1, "监考甲", 1)
TEXT = "号题目"
"""In every stem of the generated bank."""


def fetched(one: Candidate) -> tuple[str, bytes]:
    """The digest and the bytes of the package a candidate's page is told of."""
    offered = one.http.get("/exam/api/me").json()["package"]
    answer = one.http.get(f"/exam/api/package/{offered['digest']}")
    assert (answer.status_code, len(answer.content)) == (200, offered["size"])
    return offered["digest"], answer.content


def open_holding(one: Candidate, digest: str, page: str = "page-one-1", **more: Any) -> Any:
    return one.post("open", {"page": page, "package": digest, **more})


@pytest.fixture
def one(candidate: Maker) -> Candidate:
    """Candidate 1, signed in, before the bell."""
    made = candidate(1)
    assert made.enter().status_code == 303
    return made


@pytest.fixture
def ring(ring: Ring, core: Core) -> Ring:
    """The bell, and this process knows of it at once (it looks each second)."""

    def act() -> None:
        ring()
        core.hub.exams.clear()

    return act


def test_the_waiting_room_gets_ciphertext_to_keep(one: Candidate) -> None:
    digest, data = fetched(one)
    assert hashlib.sha256(data).hexdigest() == digest
    assert TEXT.encode() not in data
    with pytest.raises(InvalidTag):
        package.unlock(data, bytes(32))
    headers = one.http.get(f"/exam/api/package/{digest}").headers
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert one.pulse().json()["package"] == {"digest": digest, "size": len(data)}


def test_the_bell_gives_the_key_in_place_of_the_paper(one: Candidate, ring: Ring) -> None:
    digest, data = fetched(one)
    ring()
    answer = open_holding(one, digest)
    body = answer.json()
    assert (answer.status_code, body["paper"], answer.headers["cache-control"]) == (200, None, "no-store")
    assert len(answer.content) < 1_500
    key = base64.b64decode(body["package_key"])
    opened = package.unlock(data, key)
    plain = open_holding(one, "").json()
    assert "package_key" not in plain
    assert json.loads(opened) == plain["paper"]
    assert plain["paper"]["digest"] == body["paper_digest"]
    assert sorted(slot for slot, _options in body["order"]) == [item["slot"] for item in plain["paper"]["items"]]
    assert "package" not in one.pulse().json()  # nothing to fetch any more


def test_a_reload_gets_the_key_and_the_same_order_again(one: Candidate, ring: Ring) -> None:
    digest, _data = fetched(one)
    ring()
    first = open_holding(one, digest).json()
    one.epoch = first["epoch"]
    assert one.ops({"op": 1, "item": 1, "value": [2]}).status_code == 200
    again, reload = open_holding(one, digest).json(), open_holding(one, digest, "page-two-2").json()
    for answer in (again, reload):
        assert (answer["package_key"], answer["order"]) == (first["package_key"], first["order"])
        assert answer["answers"] == {"1": [2]}
        assert answer["device_epoch"] == first["device_epoch"] == 1
    held = open_holding(one, digest, "page-two-2", have=first["paper_digest"]).json()
    assert (held["paper"], "package_key" in held) == (None, False)


def test_a_first_opening_reads_no_journal(one: Candidate, candidate: Maker, ring: Ring, core: Core) -> None:
    two = candidate(2)
    two.enter()
    mine, other = fetched(one)[0], fetched(two)[0]
    ring()
    read: list[str] = []
    event.listen(core.dbs.read, "before_cursor_execute", lambda *args: read.append(args[2]))
    assert open_holding(one, mine).json()["messages"] == []
    assert open_holding(two, other).status_code == 200
    assert not [sql for sql in read if "journal_event" in sql]
    assert not [sql for sql in read if "form.sealed" in sql or "paper_package.ciphertext" in sql]
    open_holding(one, mine, "page-two-2")
    assert [sql for sql in read if "journal_event" in sql]


# -- nobody reads the paper, nobody gets the key, before it is their time ----------------------------------------------


def attempts(one: Candidate, digest: str, page: str) -> Iterator[Any]:
    """Everything a page may ask for, with every parameter that could lead to the paper or its key."""
    for body in (
        {},
        {"package": digest},
        {"have": digest},
        {"have": digest, "package": digest},
        {"package": digest, "key": True},
    ):
        yield one.post("open", {"page": page, **body})
        yield one.http.post(f"/exam/api/open?package={digest}&bell=1", json={"page": page, **body})
    yield one.pulse()
    yield one.http.get(f"/exam/api/pulse?epoch=0&v=-1&package={digest}&key=1")
    yield one.ops({"op": 1, "item": 1, "value": [1]}, epoch=1)
    for path in ("me", "practice", "paper", "open", "key", "package", f"package/{digest}", f"package/{digest}?key=1"):
        yield one.http.get(f"/exam/api/{path}")
        yield one.http.post(f"/exam/api/{path}", json={"page": page, "package": digest})
    for path in ("/exam", "/exam/room", f"/exam/room?package={digest}", f"/exam/package/{digest}", f"/static/package/{digest}"):
        yield one.http.get(path)


def nothing_got_out(one: Candidate, digest: str, core: Core, page: str = "page-one-1") -> None:
    place = (one.exam.id, one.exam.forms["AB"[one.no % 2]])
    found = Packages(core.dbs, core.shelf._source.keyring, core.clock).release(*place)
    assert found is not None
    key = found[1].key
    for answer in attempts(one, digest, page):
        assert b"package_key" not in answer.content, answer.url
        assert TEXT.encode() not in answer.content, answer.url
        for form in (key, key.hex().encode(), base64.b64encode(key)):
            assert form not in answer.content, answer.url


def test_no_paper_and_no_key_before_the_bell(one: Candidate, core: Core, clock: FakeClock, exam: Exam) -> None:
    digest, _data = fetched(one)
    nothing_got_out(one, digest, core)
    clock.set(exam.starts_at - timedelta(milliseconds=1))
    core.closer.tick()
    nothing_got_out(one, digest, core)


def test_the_shelf_itself_gives_nothing_before_the_bell(one: Candidate, core: Core, exam: Exam, ring: Ring) -> None:
    """Behind the rules, which refuse the opening: neither order, key nor paper a millisecond before."""
    digest, _data = fetched(one)
    form = exam.forms["B"]

    def taken(at: int) -> list[Any]:
        known = core.hub.exam
        found = one.http.portal.call(known, exam.id)  # type: ignore[union-attr]
        return [one.http.portal.call(get, form, found, at) for get in (core.shelf.get, core.shelf.body)]  # type: ignore[union-attr]

    ring()
    bell = round(exam.starts_at.timestamp() * 1000)
    assert taken(bell - 1) == [None, None]
    paper, body = taken(bell)
    assert paper.key_to(digest)
    assert TEXT in body.decode()
    assert taken(bell - 1) == [None, None]  # also when it is known by now


def test_no_key_without_the_identity_check(one: Candidate, core: Core, exam: Exam, ring: Ring) -> None:
    with transaction(core.dbs) as db:
        db.get_one(ExamSession, exam.id).profile = SessionProfile().to_json()
    digest, _data = fetched(one)
    ring()
    assert open_holding(one, digest).json()["error"] == "identity"
    nothing_got_out(one, digest, core)
    assert core.writer.do(MarkIdentity(exam.id, 1, actor=STAFF, reason="")).ok
    assert open_holding(one, digest).json()["package_key"]


def test_no_key_at_another_pc_until_the_take_over(one: Candidate, candidate: Maker, core: Core, exam: Exam, ring: Ring) -> None:
    digest, _data = fetched(one)
    ring()
    assert open_holding(one, digest).json()["package_key"]
    other = candidate(1)
    other.enter()
    nothing_got_out(other, digest, core, "page-other")
    assert core.writer.do(TakeOver(exam.id, 1, actor=STAFF, reason="死机")).ok
    assert open_holding(other, digest, "page-other").json()["package_key"]
    nothing_got_out(one, digest, core, "page-three")  # the machine that was left


def test_a_waiting_sitting_cannot_be_paused_into_its_paper(one: Candidate, core: Core, exam: Exam) -> None:
    digest, _data = fetched(one)
    assert core.writer.do(Pause(exam.id, 1, actor=STAFF, reason="停电")).code == "not_open"
    nothing_got_out(one, digest, core)


def test_no_key_after_the_end_or_for_the_absent(
    one: Candidate, candidate: Maker, core: Core, ring: Ring, later: Callable[[float], None]
) -> None:
    late = candidate(3)
    late.enter()
    digest, _data = fetched(one)
    ring()
    one.epoch = open_holding(one, digest).json()["epoch"]
    later(10 * 60)
    assert one.ops({"op": 1, "submit": True}).json()["state"] == "ended"
    nothing_got_out(one, digest, core, "page-two-2")
    assert one.http.get("/exam/api/me").json()["package"] is None
    later(20 * 60)
    assert open_holding(late, digest).json()["error"] == "absent"
    nothing_got_out(late, digest, core)


def test_no_key_in_an_exam_session_that_was_called_off(one: Candidate, core: Core, exam: Exam, clock: FakeClock) -> None:
    digest, _data = fetched(one)
    with transaction(core.dbs) as db:
        db.get_one(ExamSession, exam.id).state = "aborted"
    clock.set(exam.starts_at + timedelta(minutes=1))
    core.hub.exams.clear()
    nothing_got_out(one, digest, core)
    assert one.http.get(f"/exam/api/package/{digest}").status_code == 404


def test_a_package_is_for_candidates_of_its_form_only(one: Candidate, candidate: Maker, exam: Exam) -> None:
    digest, _data = fetched(one)
    two, three = candidate(2), candidate(3)
    for other in (two, three):
        other.enter()
    assert two.http.get(f"/exam/api/package/{digest}").json() == {"error": "not_found"}
    assert fetched(three)[0] == digest  # the same form
    assert candidate(4).http.get(f"/exam/api/package/{digest}").status_code == 401
    for wrong in ("", "0" * 64, digest.upper(), digest[:-1], f"{digest}/", "../me", "%00"):
        assert one.http.get(f"/exam/api/package/{wrong}").status_code in (200, 404)
        assert one.http.get(f"/exam/api/package/{wrong}").headers["content-type"] == "application/json"


def test_the_other_forms_key_is_not_to_be_had(one: Candidate, candidate: Maker, ring: Ring) -> None:
    two = candidate(2)
    two.enter()
    mine, other = fetched(one), fetched(two)
    ring()
    answer = open_holding(one, other[0]).json()
    assert "package_key" not in answer  # the plain paper of the own form instead
    assert answer["paper"]["form_id"] == one.exam.forms["B"]
    key = base64.b64decode(open_holding(one, mine[0]).json()["package_key"])
    with pytest.raises(InvalidTag):
        package.unlock(other[1], key)


def test_no_staff_reach_a_package(one: Candidate, client: TestClient, sign_in: Callable[..., Any], exam: Exam) -> None:
    digest, _data = fetched(one)
    for role in ROLES:
        sign_in(role, institution_id=exam.place.institution_id)
        assert client.get(f"/exam/api/package/{digest}").status_code == 401
        assert client.post("/exam/api/open", json={"page": "page-one-1", "package": digest}).status_code == 401


@pytest.mark.parametrize("body", [{"package": "x" * 129}, {"package": None}, {"package": 3}, {"packages": "x"}])
def test_odd_packages_are_refused(one: Candidate, body: dict[str, Any]) -> None:
    assert one.post("open", {"page": "page-one-1", **body}).status_code == 422


# -- made once, kept safe ----------------------------------------------------------------------------------------------


def test_everybody_makes_the_same_one(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = make_exam(dbs, clock, keyring)
    form = exam.forms["A"]
    processes = [Packages(dbs, keyring, clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda one: one.get_or_make(exam.id, form), processes))
    assert made[0] is not None
    assert len(set(map(str, made))) == 1
    assert len({one.ciphertext(exam.id, form, made[0].digest) for one in processes}) == 1
    assert package.prepare_due(dbs, keyring, clock) == 2  # B is made now, A is there
    with reading(dbs) as db:
        rows = db.exec(select(PaperPackage).order_by(col(PaperPackage.form_id))).all()
        names = {row.form_id: db.get_one(Form, row.form_id).digest for row in rows}
        for row in rows:
            assert row.size == len(row.ciphertext)
    for row in rows:
        found = processes[0].release(exam.id, row.form_id)
        assert found is not None
        paper = json.loads(package.unlock(row.ciphertext, found[1].key))
        assert paper["digest"] == found[1].paper_digest == names[row.form_id]
        with reading(dbs) as db:
            assert paper == public_package(db, row.form_id, keyring).model_dump(mode="json")
    with pytest.raises(InvalidTag):  # sealed for its own place
        keyring.open(sealing.PAPER, rows[0].release, package._aad(exam.id, rows[1].form_id, rows[0].digest))


def test_the_key_is_not_in_the_database(one: Candidate, core: Core, exam: Exam) -> None:
    fetched(one)
    with reading(core.dbs) as db:
        dump = b"".join(
            bytes(str(value), "utf-8") if not isinstance(value, bytes) else value
            for name in ("paper_package", "audit_row", "form", "sitting", "journal_event")
            for row in db.connection().execute(text(f'SELECT * FROM "{name}"')).all()
            for value in row
        )
    found = core.shelf._source.release(exam.id, exam.forms["B"])
    assert found is not None
    key = found[1].key
    for form in (key, key.hex().encode(), base64.b64encode(key)):
        assert form not in dump
    assert repr(found[1]).count(repr(key)[2:-1]) == 0
    assert b"paper.package_made" in dump


def test_no_package_before_the_release(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = make_exam(dbs, clock, keyring, released=False)
    packages = Packages(dbs, keyring, clock)

    def burned() -> set[bool]:
        with reading(dbs) as db:
            return {at is not None for at in db.exec(select(LedgerEntry.burned_at)).all()}

    assert packages.get_or_make(exam.id, exam.forms["A"]) is None
    assert package.prepare_due(dbs, keyring, clock) == 0
    assert burned() == {False}
    with transaction(dbs) as db:
        factories.release(db, keyring, exam.id, clock.now())
    assert burned() == {True}, "unsealed is used, before anything travels"
    assert package.prepare_due(dbs, keyring, clock) == 2


def test_who_waits_gets_the_drawn_form_at_the_release(
    client: TestClient,
    core: Core,
    exam: Exam,
    clock: FakeClock,
    keyring: Keyring,
    sign_in: Callable[..., factories.SignedIn],
) -> None:
    exam = _unreleased_lot(core, exam, clock, keyring)
    early = Candidate(client, exam, 1)
    assert early.enter().status_code == 303
    assert early.http.get("/exam/api/me").json()["package"] is None
    for _custodian in range(2):
        sign_in("custodian", institution_id=exam.place.institution_id)
        assert client.post(f"/exams/{exam.id}/release").status_code == 303
    package.prepare_due(core.dbs, keyring, clock)
    core.shelf._looked.clear()  # five seconds pass between two looks
    again = Candidate(client, exam, 2)
    assert again.enter().status_code == 303
    mine, other = (one.http.get("/exam/api/me").json()["package"] for one in (early, again))
    assert mine is not None
    assert mine == other, "one form for everybody"


def _unreleased_lot(core: Core, beside: Exam, clock: FakeClock, keyring: Keyring) -> Exam:
    """Another exam session at the same place, of other forms of the same bank."""
    profile = SessionProfile(identity_check=False, form_use="lot")
    with reading(core.dbs) as db:
        first = db.get_one(ExamSession, beside.id).paper_set_id
    papers, forms = another_set(core.dbs, keyring, clock, first or 0)
    with transaction(core.dbs) as db:
        for form_id in forms.values():
            passport.file_form(db, form_id, f"备案{form_id}", by=1, now=clock.now())
        number = factories.exam_session(db, beside.place, beside.starts_at, profile=profile, paper_set_id=papers)
        for no in (1, 2):
            factories.entry(db, beside.place, number, no, keyring).form_label = None
    return Exam(number, beside.place, beside.starts_at, forms)


def test_when_a_package_is_made(core: Core, exam: Exam, clock: FakeClock) -> None:
    packages, form = core.shelf._source, exam.forms["A"]
    clock.set(exam.starts_at - timedelta(hours=3, milliseconds=1))
    assert packages.get_or_make(exam.id, form) is None  # nobody can sign in yet
    clock.set(exam.starts_at - timedelta(hours=3))
    assert packages.get_or_make(exam.id + 1, form) is None
    _set_form(core, form, state="sealed")
    assert packages.get_or_make(exam.id, form) is None  # not unsealed
    _set_form(core, form, state="opened")
    assert packages.get_or_make(exam.id, form) is not None
    with transaction(core.dbs) as db:
        db.get_one(ExamSession, exam.id).paper_set_id = None
    assert packages.get_or_make(exam.id, exam.forms["B"]) is None  # not its paper set


def _set_form(core: Core, form: int, **values: str) -> None:
    with transaction(core.dbs) as db:
        row = db.get_one(Form, form)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.parametrize("damaged", ["ciphertext", "release"])
def test_a_damaged_package_keeps_nobody_from_the_paper(one: Candidate, core: Core, ring: Ring, damaged: str) -> None:
    offered = one.http.get("/exam/api/me").json()["package"]
    with transaction(core.dbs) as db:
        db.connection().execute(text("DROP TRIGGER paper_package_no_update"))
        db.connection().execute(text(f"UPDATE paper_package SET {damaged} = zeroblob(100)"))
    fetch = one.http.get(f"/exam/api/package/{offered['digest']}")
    assert fetch.status_code == (404 if damaged == "ciphertext" else 200)
    ring()
    holds = offered["digest"] if damaged == "release" else ""
    answer = open_holding(one, holds).json()
    assert TEXT in str(answer["paper"])


def test_packed_where_it_pays() -> None:
    key = bytes(range(32))
    for body, smaller in ((b"x" * 5_000, True), (b"x", False)):
        locked = package.lock(body, key)
        assert (len(locked) < len(body)) is smaller
        assert package.unlock(locked, key) == body
    assert len(package.lock(b"x" * 5_000, key)) < len(gzip.compress(b"x" * 5_000)) + 64
