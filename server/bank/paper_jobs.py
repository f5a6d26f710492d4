"""Assembling papers in the child process, which alone loads the solver."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from itembank import papers
from itembank.errors import ItemBankError
from itembank.tables import Form
from server.audit import trail
from server.bank.calibration import sources
from server.bank.runway_view import runway_of
from server.bank.shortage_words import explained
from server.db import reading, transaction
from server.errors import AppError
from server.jobs import JobContext
from server.pages import _

if TYPE_CHECKING:
    from itembank.assembly.search import State

STEPS = (_("Reading the bank"), _("Choosing items"), _("Reserving items"))
STAGES = {
    "relaxation": _("Proving by the relaxation what is possible"),
    "search": _("Exchanging items between all forms"),
    "program": _("Solving the integer program"),
}
"""What assembly is doing, for people."""


def make_papers(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Make and reserve a paper set; the result names it, or says what the bank lacks."""
    now = context.clock.now()

    @contextmanager
    def read() -> Iterator[Session]:
        """Reading locks nothing. Progress: a place to stop when asked."""
        context.progress(0, 300, STEPS[0])
        with reading(context.dbs) as db:
            yield db
        context.progress(100, 300, STEPS[1])

    @contextmanager
    def begin() -> Iterator[Session]:
        """The transaction that stores the set, and the trail's row with it."""
        context.progress(200, 300, STEPS[2])
        with transaction(context.dbs) as db:
            yield db
            for set_id in {row.paper_set_id for row in db.identity_map.values() if isinstance(row, Form)}:
                detail = {"seed": args["seed"], "blueprint": args["blueprint_id"]}
                trail.append(db, context.actor, "papers.made", f"paper_set:{set_id}", now=now, detail=detail)

    def tell(state: "State") -> None:
        """How far it is; raises where it was cancelled."""
        context.progress(100 + round(100 * state.share), 300, STAGES[state.stage], {"so_far": so_far(state)})

    try:
        made = papers.make_papers(
            begin,
            int(args["blueprint_id"]),
            seed=int(args["seed"]),
            now=now,
            by=context.actor.id or 0,
            forms=int(args["forms"]),
            title=args.get("title") or None,
            around=papers.Around(read, tell, sources(context.keyring)),
        )
    except ItemBankError as refusal:
        raise AppError(refusal.message.msgid, **refusal.message.params) from refusal
    lasts = runway_of(context, int(args["blueprint_id"]))
    if isinstance(made, papers.Infeasible):
        return {"infeasible": explained(made.explanation), "forms": made.forms, "runway": lasts}
    return {"paper_set_id": made.paper_set_id, "attempts": made.attempts, "runway": lasts}


def so_far(state: "State") -> dict[str, Any]:
    """How far a search is, as JSON."""
    told = {"stage": state.stage, "step": state.step, "forms": state.forms, "met": state.met, "missed": state.missed}
    return told | {"value": state.value, "bound": state.bound}
