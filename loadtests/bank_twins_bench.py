"""How fast a bank is searched, listed and filled: near-duplicates, the list of items, an import. Medians of three.

    python -m loadtests.bank_twins_bench [figure ...]

Prints the figures and puts them into `var/bench/bank.json` beside those of other benches. Everything runs on questions generated
by seed from the demo's; near-duplicates in a process of their own (`--here`), so that its memory is theirs alone.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, TypedDict

from sqlalchemy import insert
from sqlmodel import select

from itembank import intake, lifecycle
from itembank.exchange import xlsx
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.similarity import bands
from itembank.tables import Bank, Family, ImportBatch, Item, ItemVersion, Topic
from loadtests.bank_items import CONTENT, generated
from server import migrations
from server.bank import export_jobs, item_list
from server.clock import SystemClock
from server.db import Databases, connect, reading, transaction
from server.keyring import Keyring

MODULE = "loadtests.bank_twins_bench"
ROOT = Path(__file__).parents[1]
OUT = ROOT / "var" / "bench" / "bank.json"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
RUNS = 3
SIZE = 50_000


class Figure(TypedDict, total=False):
    value: float
    unit: str
    runs: list[float]
    peak_mb: float


def near_duplicates() -> dict[str, Figure]:
    """All three figures, in this process: one against 50,000, 1,000 against them, all pairs of them."""
    from itembank.similarity.twins import Twins

    items = {n: bands.texts_of(item.body) for n, item in enumerate(generated(SIZE, 1))}
    new = [bands.texts_of(item.body) for item in generated(1000, 2)]
    twins = Twins()
    twins.add(items)
    for text in new[:20]:
        twins.find(text)
    singles = []
    for run in range(RUNS):
        start = perf_counter()
        for text in new[run * 300 : run * 300 + 300]:
            twins.find(text)
        singles.append(round((perf_counter() - start) / 300 * 1000, 3))
    thousand = timed(lambda: twins.find_many(new))
    pairs: list[float] = []
    for _run in range(RUNS):
        fresh = Twins()
        start = perf_counter()
        fresh.add(items)
        found = sum(1 for _ in fresh.pairs())
        pairs.append(round(perf_counter() - start, 3))
        assert found > 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {
        "near_duplicate_one_ms": {"value": median(singles), "unit": "ms", "runs": singles},
        "near_duplicate_1000_s": {"value": median(thousand), "unit": "s", "runs": thousand},
        "near_duplicate_all_s": {"value": median(pairs), "unit": "s", "runs": pairs, "peak_mb": round(peak)},
    }


def near_duplicates_apart() -> dict[str, Figure]:
    """The same in a process of its own with one thread, as heavy work runs in the product."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    command = [sys.executable, "-m", MODULE, "--here"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Figure] = json.loads(done.stdout)
    return figures


def lists() -> dict[str, Figure]:
    """The slowest twentieth of list, search and filter requests over 100,000 items (the page's own statements)."""
    with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
        dbs, _keyring = _installation(Path(name))
        bank = _bank(dbs)
        _stock(dbs, bank, 100_000)
        filters = _filters(dbs, bank)
        runs = [_percentile(dbs, bank, filters) for _ in range(RUNS)]
        dbs.dispose()
    return {"list_100k_p95_ms": {"value": median(runs), "unit": "ms", "runs": runs}}


def _filters(dbs: Databases, bank: Bank) -> list[tuple[item_list.Filter, int]]:
    with reading(dbs) as db:
        plain = db.exec(select(ItemVersion.plain).where(ItemVersion.id == 77_777)).one()
        topic = db.exec(select(Topic.code).where(Topic.syllabus_id == bank.syllabus_id, Topic.is_leaf)).first() or ""
    wanted = item_list.Filter
    return [
        (wanted(), 1),
        (wanted(), 1000),
        (wanted(), 2000),
        (wanted(q=plain[3:7]), 1),
        (wanted(q=plain[2:12]), 1),
        (wanted(q="没有这句话"), 1),
        (wanted(q="#50000"), 1),
        (wanted(q="的"), 1),
        (wanted(kind="multiple"), 3),
        (wanted(state="approved"), 1),
        (wanted(state="free"), 1),
        (wanted(state="burned"), 1),
        (wanted(topic=topic), 1),
        (wanted(topic=topic.partition("-")[0], kind="single", difficulty=4), 2),
        (wanted(difficulty=5, q=plain[3:6]), 1),
        (wanted(mine=True), 1),
    ]


def _percentile(dbs: Databases, bank: Bank, filters: Sequence[tuple[item_list.Filter, int]]) -> float:
    took = []
    for _ in range(3):
        for wanted, number in filters:
            start = perf_counter()
            with reading(dbs) as db:
                item_list.item_page(db, bank, wanted, number, 2)
            took.append((perf_counter() - start) * 1000)
            if "--verbose" in sys.argv:
                print(f"{took[-1]:8.1f} ms  {number:5} {wanted}")
    return round(quantiles(took, n=20)[-1], 1)


def imports() -> dict[str, Figure]:
    """A spreadsheet of 10,000 questions: read, checked, compared with the bank and among themselves, stored as a batch."""
    with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
        dbs, keyring = _installation(Path(name))
        bank = _bank(dbs)
        with reading(dbs) as db:
            leaves = list(db.exec(select(Topic.code).where(Topic.syllabus_id == bank.syllabus_id, Topic.is_leaf)))
        runs = []
        for run in range(RUNS):
            data = xlsx.write_items([_row(item) for item in generated(10_000, 10 + run, leaves)], now=datetime.now(UTC))
            start = perf_counter()
            _import(dbs, keyring, bank, data, frozenset(leaves))
            runs.append(round(perf_counter() - start, 2))
        dbs.dispose()
    return {"import_10k_s": {"value": median(runs), "unit": "s", "runs": runs}}


def _row(item: ImportedItem) -> export_jobs.ExportedItem:
    return export_jobs.ExportedItem(item.body, item.key, item.topic_code, item.difficulty, item.source, "", "")


def _import(dbs: Databases, keyring: Keyring, bank: Bank, data: bytes, leaves: frozenset[str]) -> None:
    found = xlsx.sort_items(data, Reading(topics=leaves), {})
    assert len(found.items) == 10_000, found.refused[:3]
    source = intake.Source("10000.xlsx", "0" * 64, 2, datetime.now(UTC))
    said: list[int] = []
    intake.stage_import(
        partial(transaction, dbs), keyring, bank.id, found.items, {}, source, progress=lambda done, total: said.append(done)
    )
    assert len(said) > 10


def _installation(folder: Path) -> tuple[Databases, Keyring]:
    url = f"sqlite:///{folder / 'jikao.db'}"
    migrations.upgrade(url)
    return connect(url), Keyring.open_folder(folder / "keys")


def _bank(dbs: Databases) -> Bank:
    tree = xlsx.read_syllabus(CONTENT.with_name("syllabus.xlsx").read_bytes())
    assert not isinstance(tree, list)
    now = SystemClock().now()
    with transaction(dbs) as db:
        row = intake.store_syllabus(db, 1, tree.syllabus, level=4, by=1, now=now)
        bank = Bank(
            institution_id=1,
            code="BENCH",
            name="测速题库",
            syllabus_id=row.id,
            occupation_code=row.occupation_code,
            occupation_name=row.occupation_name,
            level=4,
            created_at=now,
            created_by=1,
        )
        db.add(bank)
        db.flush()
    return bank


def _stock(dbs: Databases, bank: Bank, n: int) -> None:
    """Items straight into the tables: what is measured is reading them."""
    now = SystemClock().now()
    with transaction(dbs) as db:
        leaves = dict(db.exec(select(Topic.code, Topic.id).where(Topic.syllabus_id == bank.syllabus_id, Topic.is_leaf)).all())
        batch = ImportBatch(bank_id=bank.id, source_name="x", source_digest="x", state="published", created_at=now, created_by=1)
        db.add(batch)
        db.flush()
        made = list(enumerate(generated(n, 3, list(leaves)), 1))
        for start in range(0, n, 5000):
            part = made[start : start + 5000]
            db.execute(insert(Family), [{"id": k, "bank_id": bank.id, "created_at": now} for k, _ in part])
            db.execute(insert(Item), [_item(k, one, bank, batch, leaves, now) for k, one in part])
            db.execute(insert(ItemVersion), [_version(k, one, now) for k, one in part])


def _item(k: int, one: ImportedItem, bank: Bank, batch: ImportBatch, leaves: dict[str, int], now: datetime) -> dict[str, Any]:
    row = {"id": k, "bank_id": bank.id, "family_id": k, "topic_id": leaves[one.topic_code], "author_id": 1 + k % 3}
    by_hand = k % 10 == 0
    return row | {
        "state": "draft" if by_hand else "approved",
        "current_version": 1,
        "approved_version": None if by_hand else 1,
        "import_batch_id": None if by_hand else batch.id,
        "import_row": None if by_hand else k,
        "created_at": now,
    }


def _version(k: int, one: ImportedItem, now: datetime) -> dict[str, Any]:
    return {
        "id": k,
        "item_id": k,
        "version": 1,
        "kind": one.body.kind,
        "body": one.body.model_dump(mode="json"),
        "plain": lifecycle.plain_stem(one.body),
        "normal_digest": one.digest.hex(),
        "difficulty": one.difficulty or 3,
        "source_clause": "",
        "created_at": now,
        "created_by": 1,
    }


def timed(work: Callable[[], object]) -> list[float]:
    """Seconds of each run."""
    runs = []
    for _ in range(RUNS):
        start = perf_counter()
        work()
        runs.append(round(perf_counter() - start, 3))
    return runs


FIGURES: dict[str, Callable[[], dict[str, Figure]]] = {
    "near_duplicate": near_duplicates_apart,
    "list_100k_p95_ms": lists,
    "import_10k_s": imports,
}
"""What to ask for on the command line -> the work that gives one or more figures by name."""


def keep(figures: dict[str, Figure], out: Path = OUT) -> None:
    """Put the figures beside those that are there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    there: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    out.write_text(json.dumps(there | figures, indent=1, ensure_ascii=False) + "\n")


def run() -> dict[str, Figure]:
    """Every figure."""
    return {name: figure for work in FIGURES.values() for name, figure in work().items()}


def main() -> None:
    if "--here" in sys.argv:
        print(json.dumps(near_duplicates()))
        return
    asked = [name for name in sys.argv[1:] if not name.startswith("-")] or list(FIGURES)
    for name in asked:
        figures = FIGURES[name]()
        keep(figures)
        for one, figure in figures.items():
            more = f"  peak {figure['peak_mb']:.0f} MB" if "peak_mb" in figure else ""
            print(f"{one}: {figure['value']} {figure['unit']}  (runs {figure['runs']}){more}")


if __name__ == "__main__":
    main()
