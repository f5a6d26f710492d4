"""Every table, by one import a slice: what migrations and tests see."""

from sqlmodel import SQLModel

from itembank import family_tables, passport_tables, review_tables
from itembank import tables as bank_tables
from server import fitting_keys, jobs
from server.audit import tables as audit_tables
from server.auth import tables as auth_tables
from server.bank import export_tables
from server.bank import tables as bank_page_tables
from server.grading import statistics_tables
from server.grading import tables as grading_tables
from server.monitor import tables as monitor_tables
from server.registry import custody_tables
from server.registry import tables as registry_tables
from server.sitting import tables as sitting_tables

metadata = SQLModel.metadata

APPEND_ONLY: dict[str, tuple[str, ...]] = dict.fromkeys(bank_tables.APPEND_ONLY, ())
"""Table -> columns that may change after insert, once, from NULL. Rows are never deleted; triggers see to both."""
for _names in (family_tables.APPEND_ONLY, passport_tables.APPEND_ONLY, review_tables.APPEND_ONLY):
    APPEND_ONLY |= dict.fromkeys(_names, ())
for _once in (bank_tables.SET_ONCE, family_tables.SET_ONCE, passport_tables.SET_ONCE):
    APPEND_ONLY |= {name: tuple(sorted(columns)) for name, columns in _once.items()}
for _module in (
    fitting_keys,
    audit_tables,
    auth_tables,
    registry_tables,
    custody_tables,
    sitting_tables,
    grading_tables,
    statistics_tables,
    monitor_tables,
    bank_page_tables,
    export_tables,
):
    APPEND_ONLY |= _module.APPEND_ONLY

__all__ = ["APPEND_ONLY", "jobs", "metadata"]
