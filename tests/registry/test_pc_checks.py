"""What the check of a PC means, and that it is kept per PC."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from server.clock import FakeClock
from server.db import Databases, transaction
from server.registry import devices, pc_checks
from server.registry.pc_rules import Facts, Past, judge, worst
from server.registry.tables import Device, PcCheck

GOOD: dict[str, Any] = {
    "browser": "Chrome",
    "version": 109,
    "missing": [],
    "secure": True,
    "keeps": "disk",
    "disk_ms": 12.5,
    "quota_mb": 900.0,
    "mark_since_ms": 1_795_000_000_000,
    "same_session": False,
    "clock_ms": -900.0,
    "rtt_p50_ms": 3.0,
    "rtt_p95_ms": 9.0,
    "samples": 19,
    "failed": 0,
    "width": 1024,
    "height": 700,
    "zone": "Asia/Shanghai",
    "zone_minutes": 480,
}


def facts(**changes: Any) -> Facts:
    return msgspec.convert({**GOOD, **changes}, Facts)


def states(past: Past | None = None, **changes: Any) -> dict[str, str]:
    return {finding.name: finding.state for finding in judge(facts(**changes), past or Past()) if finding.state != "ok"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"version": 108}, {"browser": "bad"}),
        ({"browser": "Firefox", "version": 102, "missing": ["inert"]}, {"browser": "bad"}),
        ({"browser": "Firefox", "version": 115}, {}),
        ({"secure": False, "missing": ["crypto"]}, {"secure": "warn"}),
        ({"keeps": "mirror"}, {"storage": "warn"}),
        ({"keeps": "nothing"}, {"storage": "bad"}),
        ({"quota_mb": 10}, {"storage": "warn"}),
        ({"quota_mb": None}, {}),
        ({"disk_ms": 5000}, {"storage": "warn"}),
        ({"same_session": True}, {"survival": "warn"}),
        ({"mark_since_ms": None}, {"survival": "warn"}),
        ({"clock_ms": 61_000}, {"clock": "warn"}),
        ({"clock_ms": -86_400_001}, {"clock": "bad"}),
        (
            {"clock_ms": None, "rtt_p50_ms": None, "rtt_p95_ms": None, "samples": 0, "failed": 3},
            {"clock": "bad", "network": "bad"},
        ),
        ({"rtt_p95_ms": 800}, {"network": "warn"}),
        ({"rtt_p95_ms": 3000}, {"network": "bad"}),
        ({"failed": 1}, {"network": "warn"}),
        ({"failed": 4}, {"network": "bad"}),
        ({"width": 900}, {"screen": "warn"}),
        ({"width": 500}, {"screen": "bad"}),
        ({"zone": "America/New_York", "zone_minutes": -300}, {"zone": "warn"}),
    ],
)
def test_findings(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert states(**changes) == expected


def test_every_finding_that_is_not_in_order_says_what_to_do() -> None:
    bad = facts(version=90, secure=False, keeps="nothing", mark_since_ms=None, clock_ms=1e9, zone_minutes=0, failed=9, width=100)
    found = judge(bad, Past(True, True))
    assert all(finding.todo for finding in found)
    assert worst(found) == "bad"
    assert all(finding.text % finding.params for finding in found)


def test_a_restore_card_is_found_by_what_is_gone() -> None:
    assert states(Past(checked_before=True), mark_since_ms=None) == {"survival": "bad"}
    assert "network address" in judge(facts(mark_since_ms=None), Past(another_here=True))[3].text
    assert states(Past(checked_before=True, another_here=True)) == {}


@pytest.mark.parametrize(
    "wrong", [{"name": "x"}, {"browser": "<b>"}, {"clock_ms": "x"}, {"zone": "a b"}, {"samples": -1}, {"keeps": "all"}]
)
def test_only_measurements_are_taken(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        facts(**wrong)


def test_the_latest_checks_are_kept_and_the_worst_pc_comes_first(dbs: Databases, clock: FakeClock) -> None:
    with transaction(dbs) as db:
        tokens = [devices.register(db, f"10.0.0.{n}", clock.now()) for n in range(3)]
    for number, changes in enumerate(({"mark_since_ms": None}, {"version": 90}, {})):
        for _ in range(25 if number == 0 else 1):
            clock.advance(1)
            with transaction(dbs) as db:
                device = devices.device_of(db, tokens[number])
                assert device is not None
                pc_checks.record(db, device, facts(**changes), clock.now())
    with transaction(dbs) as db:
        assert len(db.exec(select(PcCheck)).all()) == pc_checks.KEPT_PER_PC + 2
        codes = [db.exec(select(Device.code).where(Device.address == f"10.0.0.{n}")).one() for n in range(3)]
        found = pc_checks.latest(db, (), clock.now())
    assert {one.code: one.state for one in found} == {codes[0]: "bad", codes[1]: "bad", codes[2]: "ok"}
    assert found[-1].code == codes[2]
    with transaction(dbs) as db:
        assert pc_checks.latest(db, (), clock.now() + timedelta(days=8)) == []
