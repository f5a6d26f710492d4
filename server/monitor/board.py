"""Reads the seats of a scope: roster, bindings, sittings, reports and pulses become tiles.

Three SQL statements a read, whatever the number of seats; no answers, no questions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from server.monitor import approvals, reports, rules
from server.monitor.feed import Snapshot
from server.monitor.rules import Alert, Facts, SeatState, Timing
from server.monitor.scope import RoomPlace, Scope, as_exam
from server.registry import devices
from server.registry.tables import Entry, ExamSession
from server.sitting import reading
from server.sitting.reading import BoardRow
