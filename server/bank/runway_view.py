"""How long a bank lasts, computed in the child process when somebody asks or papers were made; the page shows the last answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from itembank.tables import Bank, Blueprint
from server.auth.staff import Staff
from server.bank.calibration import sources
from server.bank.shortage_words import demand_of, explained
from server.db import reading
from server.jobs import Job, JobContext, Jobs
from server.pages import _

KIND: Final = "bank.runway"
FIRST: Final = 6
"""So many of the demands that run dry first are shown."""
MAKING: Final = "bank.make_papers"
"""Making papers changes how long the bank lasts, so that job answers too."""


@dataclass(frozen=True)
class RunwayLine:
    """A blueprint with the latest answer (None: not computed yet). `running`: being computed now."""

    blueprint: Blueprint
    result: dict[str, Any] | None
    at: datetime | None
    running: bool

    @property
    def dry(self) -> dict[str, Any] | None:
        """The cell that runs dry first: a single demand where counting says so, else what has to be written most of."""
        if self.result is None:
            return None
        first, missing = self.result.get("first", []), self.result["missing"]
        if first and first[0]["lasts"] <= self.result["sets"]:
            return dict(first[0])
        found = [*missing["mends"], *missing["shortages"], *first]
        return dict(found[0]) if found else None


def runways(db: Session, bank: Bank) -> list[RunwayLine]:
    """One line for each blueprint in force."""
    plans = select(Blueprint).where(col(Blueprint.bank_id) == bank.id, col(Blueprint.retired_at).is_(None))
    found = list(db.execute(plans.order_by(col(Blueprint.id))).scalars())
    jobs = select(Job).where(col(Job.institution_id) == bank.institution_id, col(Job.kind).in_((KIND, MAKING)))
    latest: dict[int, Job] = {}
    running: set[int] = set()
    for job in db.execute(jobs.order_by(col(Job.id).desc()).limit(200)).scalars():
        number = int(job.args.get("blueprint_id", 0))
        if job.state in {"queued", "running"}:
            running.add(number)
        elif job.state == "done" and "runway" in (job.result or {}):
            latest.setdefault(number, job)
    return [_line(plan, latest.get(plan.id), plan.id in running) for plan in found]


def _line(plan: Blueprint, job: Job | None, running: bool) -> RunwayLine:
    return RunwayLine(plan, (job.result or {})["runway"] if job else None, job.ended_at if job else None, running)


def ask(db: Session, jobs: Jobs, who: Staff, blueprint_id: int) -> None:
    """Queue the computation; call `jobs.wake` after the commit."""
    jobs.submit(db, KIND, {"blueprint_id": blueprint_id}, who.actor)


def ask_all(db: Session, jobs: Jobs, who: Staff, bank: Bank) -> None:
    """The same for every blueprint in force: the bank has changed."""
    for line in runways(db, bank):
        if not line.running:
            ask(db, jobs, who, line.blueprint.id)


def compute(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """In the child: how long the bank lasts under one blueprint."""
    context.progress(0, 1, _("Counting"))
    return {"runway": runway_of(context, int(args["blueprint_id"]))}


def runway_of(context: JobContext, blueprint_id: int) -> dict[str, Any]:
    """How many more sets, and what the set after them lacks. Loads the solver: in the child only."""
    from itembank.runway import runway

    with reading(context.dbs) as db:
        found = runway(db, blueprint_id, sources=sources(context.keyring))
    by_life = sorted((one for one in found.demands if one.wants), key=lambda one: one.has / one.wants)
    return {
        "sets": found.sets,
        "forms": found.forms,
        "free": found.free_items,
        "spent": found.spent_items,
        "missing": explained(found.next_missing),
        "first": [demand_of(one) for one in by_life[:FIRST]],
    }
