"""The verdict on a blueprint that is being written, in the child process, which alone loads the solver."""

from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from itembank.attributes import complete
from itembank.blueprint import BlueprintBody
from itembank.enemies import cliques
from itembank.pool import get_bank, load_pool, load_topics
from itembank.tables import Bank
from server.auth.staff import Staff
from server.bank.calibration import sources
from server.bank.shortage_words import demand_of, explained
from server.db import reading
from server.jobs import JUDGE, Job, JobContext, Jobs


def ask(db: Session, jobs: Jobs, who: Staff, bank: Bank, body: BlueprintBody) -> int:
    """Queue the question; this person's earlier ones are overtaken. Call `jobs.wake` after the commit."""
    mine = select(Job).where(col(Job.kind) == JUDGE, col(Job.institution_id) == who.institution_id, col(Job.state) != "running")
    old = [job.id for job in db.execute(mine).scalars() if job.actor.get("id") == who.person_id]
    db.execute(delete(Job).where(col(Job.id).in_(old)))
    return int(jobs.submit(db, JUDGE, {"bank_id": bank.id, "body": body.model_dump(mode="json")}, who.actor))


def judge(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """What can be said of the blueprint within seconds."""
    from itembank.assembly.verdict import judge as verdict_on

    body = BlueprintBody.model_validate(args["body"])
    with reading(context.dbs) as db:
        bank = get_bank(db, int(args["bank_id"]))
        pool = complete(db, bank.id, load_pool(db, bank), body, sources(context.keyring))
        topics, enemies = load_topics(db, bank), cliques(db, bank.id)
    found = verdict_on(
        pool.free,
        pool.spent,
        body,
        topics,
        body.forms,
        enemies=enemies,
        tell=lambda state: context.progress(round(100 * state.share), 101),
    )
    scarcest = found.scarcest
    return {
        "answer": found.answer,
        "demands": [demand_of(demand) for demand in found.demands],
        "told": explained(found.told) if found.told else None,
        "share": found.share,
        "scarcest": demand_of(scarcest) if scarcest else None,
        "forms": body.forms,
        "free": len(pool.free),
        "enemies": len(enemies),
    }
