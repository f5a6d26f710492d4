"""The system administrator's page: whether all is well with this installation. No content, no names of candidates."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import col, select

from server import migrations
from server.auth.staff import Staff, allow
from server.db import ReadDb
from server.jobs import Job
from server.pages import _, page

router = APIRouter()


@router.get("/system")
def system(request: Request, who: Annotated[Staff, Depends(allow("system.see"))], db: ReadDb) -> Response:
    """Schema, database, writer and the latest heavy work."""
    state = request.app.state
    writer = state.writer
    facts = [
        (_("Database"), state.dbs.write.dialect.name),
        (_("Schema"), migrations.newest()),
        (_("Operations waiting to be written"), str(writer.queued)),
        (_("Operations written since the start"), str(writer.commands)),
        (_("Commits since the start"), str(writer.batches)),
    ]
    jobs = db.exec(select(Job).order_by(col(Job.id).desc()).limit(20)).all()
    return page(request, "home/system.html", facts=facts, jobs=jobs, states=JOB_STATES)


JOB_STATES = {
    "queued": (_("Waiting to run"), "info"),
    "running": (_("At work"), "info"),
    "done": (_("Done"), "ok"),
    "failed": (_("Did not finish"), "bad"),
    "cancelled": (_("Cancelled"), "warn"),
}
"""State -> msgid and badge."""
