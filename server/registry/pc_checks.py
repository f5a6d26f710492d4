"""Checks of PCs: stored per PC with time, read for the people who prepare the rooms. Nothing about a person is in them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from server.registry.pc_rules import Facts, Finding, Past, judge, worst
from server.registry.tables import Device, PcCheck, SeatBinding

KEPT_PER_PC = 20
LISTED_FOR = timedelta(days=7)
"""How long a checked PC that stands at no seat stays in the list."""
REMEMBERED_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Checked:
    """The latest check of one PC; `seat` (room id, seat number) when it stands at one."""

    code: str
    at: datetime
    state: str
    findings: tuple[Finding, ...]
    seat: tuple[int, int] | None


def record(db: Session, device: Device, facts: Facts, now: datetime) -> list[Finding]:
    """Judge and store; of each PC the latest `KEPT_PER_PC` are kept."""
    found = judge(facts, _past(db, device, now))
    values = msgspec.to_builtins(found)
    db.add(
        PcCheck(
            device_id=device.id or 0,
            at=now,
            source=facts.source,
            state=worst(found),
            facts=msgspec.to_builtins(facts),
            findings=values,
        )
    )
    db.flush()
    kept = select(col(PcCheck.id)).where(PcCheck.device_id == device.id).order_by(col(PcCheck.id).desc()).limit(KEPT_PER_PC)
    db.execute(delete(PcCheck).where(col(PcCheck.device_id) == device.id, col(PcCheck.id).not_in(kept)))
    return found


def _past(db: Session, device: Device, now: datetime) -> Past:
    before = db.exec(select(PcCheck.id).where(PcCheck.device_id == device.id).limit(1)).first()
    another = db.exec(
        select(PcCheck.id)
        .join(Device, col(Device.id) == col(PcCheck.device_id))
        .where(Device.address == device.address, Device.id != device.id, PcCheck.at > now - REMEMBERED_FOR)
        .limit(1)
    ).first()
    return Past(before is not None, another is not None)


def latest(db: Session, room_ids: tuple[int, ...], now: datetime) -> list[Checked]:
    """The latest check of every PC at a seat of these rooms, and of those checked lately that stand nowhere; worst first."""
    newest = select(func.max(col(PcCheck.id))).group_by(col(PcCheck.device_id))
    rows = db.execute(
        select(PcCheck, col(Device.code), col(SeatBinding.room_id), col(SeatBinding.seat_no))
        .join(Device, col(Device.id) == col(PcCheck.device_id))
        .outerjoin(SeatBinding, (col(SeatBinding.device_id) == col(Device.id)) & col(SeatBinding.ended_at).is_(None))
        .where(
            col(PcCheck.id).in_(newest),
            col(SeatBinding.room_id).in_(room_ids) | (col(SeatBinding.room_id).is_(None) & (col(PcCheck.at) > now - LISTED_FOR)),
        )
        .order_by(col(PcCheck.at).desc())
        .limit(2_000)
    )
    found = [
        Checked(code, check.at, check.state, _findings(check.findings), None if room_id is None else (room_id, seat_no))
        for check, code, room_id, seat_no in rows
    ]
    order = {"bad": 0, "warn": 1, "ok": 2}
    return sorted(found, key=lambda one: (order[one.state], one.seat is None, one.seat or (0, 0), one.code))


def _findings(values: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(msgspec.convert(value, Finding) for value in values)
