"""Behind the notices about near-duplicates: versions nobody has compared are found, answered questions are thrown away.

A notice is lost when the child dies over it, or when items came in without one (the command line, a restored backup). This is
serving code: it counts and queues, the child compares.
"""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlmodel import Session, col

from itembank import families
from itembank.tables import Bank
from server.audit.trail import Actor
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.jobs import QUICK, Job, Jobs

WAIT = timedelta(minutes=5)
"""So long the notice of handing in has its time."""
AT_ONCE = 500
ANSWERED_FOR = timedelta(minutes=15)
KIND = "bank.compare_items"
UNDER_WAY = ("queued", "running")


def queue_unchecked(dbs: Databases, clock: Clock, jobs: Jobs) -> int:
    """Have compared what was never compared, some at a time; how many items were queued."""
    now = clock.now()
    with reading(dbs) as db:
        found = families.unchecked(db, before=now - WAIT, limit=AT_ONCE)
        busy = _busy(db)
        homes = dict(db.execute(select(col(Bank.id), col(Bank.institution_id)).where(col(Bank.id).in_(found))).all())
    wanted = {bank: items for bank, items in found.items() if bank not in busy}
    if wanted:
        with transaction(dbs) as db:
            for bank, items in wanted.items():
                jobs.submit(db, KIND, {"bank_id": bank, "items": items}, Actor("system", None, "jikao", homes[bank]))
        jobs.wake()
    return sum(map(len, wanted.values()))


def _busy(db: Session) -> set[int]:
    """Banks whose items are being compared, or wait for it."""
    rows = db.execute(select(Job).where(col(Job.kind) == KIND, col(Job.state).in_(UNDER_WAY))).scalars()
    return {int(job.args["bank_id"]) for job in rows}


def forget_answered(dbs: Databases, clock: Clock) -> None:
    """A question of the editor is nobody's business once it is answered and shown."""
    old = (col(Job.kind) == QUICK, col(Job.created_at) < clock.now() - ANSWERED_FOR, col(Job.state).not_in(UNDER_WAY))
    with reading(dbs) as db:
        there = db.execute(select(col(Job.id)).where(*old).limit(1)).first()
    if there is not None:
        with transaction(dbs) as db:
            db.execute(delete(Job).where(*old))
