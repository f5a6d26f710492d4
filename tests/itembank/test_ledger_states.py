"""The states of claims under each policy, against a model that is only a list: whatever happens in whatever order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select, update

from itembank import ledger, papers
from itembank.pool import capacity_of, get_bank, load_pool, scope_of
from itembank.tables import Bank, Form, Item, LedgerEntry
from server.db import Databases, connect
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, PoolItem, StoredBank

TREE = banks.topics(leaves=2, areas=2)
FORMS = 6


@pytest.fixture(scope="module")
def stored(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring
) -> Iterator[tuple[Databases, StoredBank]]:
    path = tmp_path_factory.mktemp("ledger") / "bank.db"
    path.write_bytes(sqlite_template.read_bytes())
    dbs = connect(f"sqlite:///{path}")
    kinds = ["single"] * 6 * FORMS + ["multiple"] * 2 * FORMS + ["true_false"] * 2 * FORMS
    wanted = [PoolItem(n, n, n, kind, "A-A-001", "Y", 3) for n, kind in enumerate(kinds, 1)]
    bank = banks.stored_bank(dbs, keyring, wanted, TREE, banks.small_body(TREE, forms=FORMS))
    with Session(dbs.write) as db, db.begin():
        assert isinstance(papers.make_papers(papers.within(db), bank.blueprint_id, seed=1, now=NOW, by=1), papers.MakeResult)
    yield dbs, bank
    dbs.dispose()


STEPS = st.lists(st.tuples(st.sampled_from(["claim", "burn", "release", "later"]), st.integers(0, FORMS - 1)), max_size=14)
POLICIES = st.sampled_from([("once", 1, 0), ("capped", 2, 0), ("capped", 3, 0), ("cooling_off", 1, 6)])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=POLICIES, steps=STEPS)
def test_a_family_is_free_exactly_when_the_model_says_so(
    stored: tuple[Databases, StoredBank], policy: tuple[str, int, int], steps: list[tuple[str, int]]
) -> None:
    dbs, bank = stored
    with Session(dbs.write) as db, db.begin() as whole:
        used = set(db.exec(select(LedgerEntry.item_id)))
        item = db.exec(select(Item).where(col(Item.id).not_in(used)).order_by(col(Item.id))).first()
        assert item is not None
        forms = list(db.exec(select(Form.id).order_by(col(Form.id))))
        values = dict(zip(("policy", "cap", "cooling_months"), policy, strict=True))
        db.execute(update(Bank).where(col(Bank.id) == bank.bank_id).values(**values))
        row = get_bank(db, bank.bank_id)
        db.refresh(row)
        model = Model(capacity_of(row), cools=policy[0] == "cooling_off")
        now = NOW
        for act, n in steps:
            now += timedelta(days=1)
            if act == "claim" and forms[n] not in {form for form, _ in model.live}:
                pool = load_pool(db, row)
                free = item.id in {one.item_id for one in pool.free}
                claim = ledger.Claim(item.family_id, pool.slots.get(item.family_id, 0), item.id, forms[n])
                lost = ledger.reserve(db, scope_of(row), [claim], reusable=model.cools, by=MANAGER, now=now)
                assert free == (not lost) == model.claim(forms[n])
            elif act == "burn":
                mine = [form for form, burned in model.live if form == forms[n] and burned is None]
                burned = ledger.burn(db, [form for form in forms if form in mine], exam_session_id=1, now=now)
                model.burn(forms[n], now)
                assert burned >= len(mine)
            elif act == "release":
                model.release(forms[n])
                entries = (col(LedgerEntry.family_id) == item.family_id, col(LedgerEntry.form_id) == forms[n])
                if db.exec(select(LedgerEntry).where(*entries, col(LedgerEntry.ended_at).is_(None))).first():
                    ledger.release(db, [forms[n]], by=1, second_by=2, reason="撤回", now=now)
            else:
                now += timedelta(days=100)
                ledger.cool_due(db, by=0, now=now)
                model.cool(ledger.months_before(now, 6))
            live = select(LedgerEntry.form_id).where(LedgerEntry.family_id == item.family_id, col(LedgerEntry.ended_at).is_(None))
            assert sorted(db.exec(live)) == sorted(form for form, _ in model.live)
            assert (item.id in {one.item_id for one in load_pool(db, row).free}) == (len(model.live) < model.capacity)
            assert ledger.audit(db) == []
        whole.rollback()


class Model:
    """Live claims as (form, burned at)."""

    def __init__(self, capacity: int, *, cools: bool) -> None:
        self.capacity, self.cools = capacity, cools
        self.live: list[tuple[int, datetime | None]] = []

    def claim(self, form: int) -> bool:
        if len(self.live) >= self.capacity:
            return False
        self.live.append((form, None))
        return True

    def burn(self, form: int, now: datetime) -> None:
        self.live = [(f, burned or (now if f == form else None)) for f, burned in self.live]

    def release(self, form: int) -> None:
        self.live = [(f, burned) for f, burned in self.live if f != form or burned is not None]

    def cool(self, before: datetime) -> None:
        if self.cools:
            self.live = [(f, burned) for f, burned in self.live if burned is None or burned >= before]


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [((2026, 8, 31), 6, (2026, 2, 28)), ((2026, 3, 1), 3, (2025, 12, 1)), ((2024, 2, 29), 12, (2023, 2, 28))],
)
def test_calendar_months(day: tuple[int, int, int], months: int, before: tuple[int, int, int]) -> None:
    assert ledger.months_before(datetime(*day, tzinfo=UTC), months) == datetime(*before, tzinfo=UTC)
