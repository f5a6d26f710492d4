"""Hostile and damaged files: a clear error or a right reading, nothing stored, bounded memory and time.

`python -m tests.bank.fuzz_imports --n 5000` for many more.
"""

import time

import pytest
from sqlmodel import select

from itembank.exchange.files import FileOfItems
from itembank.tables import ImportBatch, Item
from server import apart
from server.bank import file_reading
from server.jobs import Job
from tests.bank import fuzz_bombs, fuzz_imports
from tests.bank.conftest import House
from tests.bank.fuzz_files import good_files

SECONDS = 60.0
RUN_APART = apart.run


def judged(file: FileOfItems) -> fuzz_imports.Judged:
    begun = time.perf_counter()
    answer = fuzz_imports.judge(file)
    assert time.perf_counter() - begun < SECONDS
    assert answer.outcome != "wrong", answer.why
    return answer


@pytest.mark.parametrize("name", good_files())
def test_the_files_to_be_damaged_are_good(name: str) -> None:
    found = fuzz_imports.read_file(good_files()[name]).found
    assert found.items
    assert found.refused == ()


def test_damaged_files_and_anything_at_all() -> None:
    report = fuzz_imports.run(seed=20261121, first=0, count=120)
    assert report.wrong == []
    assert report.outcomes["read"] > 10
    assert report.outcomes["refused"] > 40


ENTITIES = fuzz_bombs.entity_bombs()


@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_not_expanded(name: str) -> None:
    found = fuzz_imports.read_file(ENTITIES[name]).found
    assert judged(ENTITIES[name]).peak_mb < 1_000
    assert not any("root:" in one.value for one in found.refused)
    texts = "".join(item.body.stem_html for item in found.items)
    assert "lol" not in texts


@pytest.mark.parametrize("name", fuzz_bombs.readable())
def test_odd_files_are_read_rightly(name: str) -> None:
    found = fuzz_imports.read_file(fuzz_bombs.readable()[name]).found
    assert [str(one.problem) for one in found.refused] == []
    expected = {"text list in GB 18030": 3, "text list in UTF-16": 3, "Word with macros": 3, "line ends of the Mac": 3}
    assert len(found.items) == expected.get(name, 2 if name == "merged cells" else 1)


@pytest.mark.parametrize("name", fuzz_bombs.wrong())
def test_what_is_wrong_is_said(name: str) -> None:
    assert judged(fuzz_bombs.wrong()[name]).outcome == "refused"


HEAVY = fuzz_bombs.zip_bombs() | fuzz_bombs.large()
TESTED = (
    *("figures that lie", "archives in archives", "a million lines", "a cell of 50 MB", "a field of 15 MB"),
    *("the last cell", "a billion rows at once", "deep XML"),
)
"""The others take longer to make than to refuse: `fuzz_imports` has them all."""


@pytest.mark.parametrize("name", TESTED)
def test_what_unpacks_to_gigabytes_is_refused_within_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "run", RUN_APART)
    file = HEAVY[name]()
    begun = time.perf_counter()
    read = file_reading.read_apart(file)
    assert time.perf_counter() - begun < SECONDS
    assert read.found.refused
    assert fuzz_imports.judge(file, read).why == ""


STORED_NOTHING = ("billion laughs xlsx", "external docx", "quadratic moodle")


@pytest.mark.parametrize("name", [*STORED_NOTHING, "truncated", "NUL", "an error in a cell"])
def test_through_the_pages_nothing_is_stored(house: House, bank: str, name: str) -> None:
    file = {**ENTITIES, **fuzz_bombs.wrong()}[name]
    page = house.act("manager").post(f"{bank}/imports", files={"file": (file.name, file.data)}).headers["location"]
    house.work()
    shown = house.act("manager").get(page).text
    assert "处错误，未入库" in shown
    assert house.act("manager").post(f"{page}/store", data={"only_good": "1"}).status_code == 409
    with house.db() as db:
        assert db.exec(select(Job).where(Job.state == "failed")).all() == []
        assert len(db.exec(select(ImportBatch)).all()) == 1
        assert len(db.exec(select(Item.id)).all()) == 500
