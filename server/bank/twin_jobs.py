"""Near-duplicates in the child process: what a writer is typing, items that were handed in. The index lives here between jobs."""

import json
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlmodel import col

from itembank import families, near
from itembank.items import ItemBody
from itembank.pool import get_bank, scope_of
from itembank.similarity import bands
from itembank.tables import Bank, Item
from server.audit import trail
from server.bank.file_reading import told
from server.db import reading, transaction
from server.jobs import JobContext

_INDEXES: "WeakKeyDictionary[Engine, dict[str, near.Scope]]" = WeakKeyDictionary()
"""A cache of SQL for as long as this process works on one database; losing it costs a second."""


def scope_index(context: JobContext, bank: Bank) -> near.Scope:
    """The index of the bank's scope, up to date."""
    scopes = _INDEXES.setdefault(context.dbs.read, {})
    scope = scopes.setdefault(scope_of(bank), near.Scope())
    with reading(context.dbs) as db:
        scope.refresh(db, bank)
    return scope


def compare_draft(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """What a draft (its body as JSON in `upload`) is like. `own`: items of its family."""
    body = ItemBody.model_validate(json.loads(context.upload or b"{}"))
    with reading(context.dbs) as db:
        bank = get_bank(db, int(args["bank_id"]))
    scope = scope_index(context, bank)
    with reading(context.dbs) as db:
        found = scope.find(db, bank, [bands.texts_of(body)], [frozenset(args.get("own", ()))])[0]
    return {"near": [told(one) for one in found]}


def compare_items(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Compare items (by number, or all of an import) with the bank and put what is alike before people."""
    with reading(context.dbs) as db:
        bank = get_bank(db, int(args["bank_id"]))
    scope = scope_index(context, bank)
    items = [int(number) for number in args.get("items", ())]
    if "batch_id" in args:
        with reading(context.dbs) as db:
            items = sorted(db.execute(select(col(Item.id)).where(col(Item.import_batch_id) == int(args["batch_id"]))).scalars())
    return {"opened": open_found(context, scope, bank, items)}


def open_found(context: JobContext, scope: near.Scope, bank: Bank, items: list[int]) -> int:
    """Open the cases of these items; how many."""
    now = context.clock.now()
    with reading(context.dbs) as db:
        likenesses, versions = near.compare(db, scope, items)
    with transaction(context.dbs) as db:
        opened = families.open_cases(db, bank.id, likenesses, now=now)
        families.note_checked(db, versions, now=now)
        if opened:
            detail = {"items": len(items), "opened": opened}
            trail.append(db, context.actor, "twins.found", f"bank:{bank.id}", now=now, detail=detail)
    return opened
