"""The public list: masked, without sign-in, only once published."""

from fastapi import APIRouter, Depends, Request, Response

from server.auth.staff import public
from server.db import reading
from server.errors import NotFound
from server.grading import results, words
from server.pages import page

router = APIRouter(dependencies=[Depends(public)])


@router.get("/public/results")
def published(request: Request) -> Response:
    """What has been published lately."""
    with reading(request.app.state.dbs) as db:
        lines = results.published(db)
    return page(request, "grading/public_list.html", lines=lines)


@router.get("/public/results/{exam_session_id}")
def published_session(request: Request, exam_session_id: int) -> Response:
    """One exam session's masked list; 404 until it is published."""
    with reading(request.app.state.dbs) as db:
        publication = results.publication_in_force(db, exam_session_id)
        if publication is None:
            raise NotFound
        head = results.summary_head(db, exam_session_id)
        rows = results.public_rows(db, publication)
    return page(request, "grading/public.html", head=head, publication=publication, rows=rows, **words.context())
