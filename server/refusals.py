"""How refusals and failures are answered: a page, a fragment for htmx, or JSON; never with what a person typed.

Domain errors of the item bank become statuses here and nowhere else.
"""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from itembank import errors as bank_errors
from server import pages
from server.errors import AppError, Conflict, FieldError, Invalid, NotFound, SignInNeeded, TooMany
from server.pages import _

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Register every handler."""
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(bank_errors.ItemBankError, _on_bank_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(OverflowError, _on_impossible_number)
    app.add_exception_handler(DataError, _on_impossible_number)
    app.add_exception_handler(Exception, _on_crash)


async def _on_bank_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, bank_errors.ItemBankError)
    return _answer(request, of_bank(error))


def of_bank(error: bank_errors.ItemBankError) -> AppError:
    """The item bank's refusal as one of the service's."""
    message, params = error.message.msgid, dict(error.message.params)
    if isinstance(error, bank_errors.NotFound):
        return NotFound()
    if isinstance(error, bank_errors.InvalidItem):
        fields = [FieldError(one.field, one.problem.msgid, tuple(one.problem.params.items())) for one in error.problems]
        return Invalid(fields=fields)
    return Conflict(message, **params)


async def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    if isinstance(error, SignInNeeded) and request.method == "GET" and _wants_html(request):
        return pages.redirect(request, f"/sign-in?next={request.url.path}")
    return _answer(request, error)


async def _on_impossible_number(request: Request, error: Exception) -> Response:
    """A number no row can have, in a path or a form."""
    return _answer(request, NotFound())


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    """Names the fields, never what was typed into them."""
    assert isinstance(error, RequestValidationError)
    if any(problem["loc"][:1] == ("path",) for problem in error.errors()):
        return _answer(request, NotFound())
    names = sorted({str(problem["loc"][-1]) for problem in error.errors() if problem["loc"]})
    return _answer(request, Invalid(_("These entries are missing or not readable: %(names)s."), names=", ".join(names)))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return _answer(request, NotFound())
    problem = AppError(_("The server does not take this request."))
    problem.status = error.status_code
    return _answer(request, problem)


async def _on_crash(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=type(error).__name__)
    problem = AppError(_("Something went wrong on our side. Nothing was half-done; please try again."))
    problem.status, problem.code = 500, "internal"
    return _answer(request, problem)


def _answer(request: Request, error: AppError) -> Response:
    message = pages.translate(error.message, **error.params)
    fields = [
        {"field": problem.field, "message": pages.translate(problem.message, **dict(problem.params))}
        for problem in (error.fields if isinstance(error, Invalid) else [])
    ]
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else None
    response: Response
    if pages.wants_fragment(request):
        response = pages.fragment(request, "error.html", "problem", status=error.status, message=message, fields=fields)
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#alerts", "innerHTML"
    elif _wants_html(request):
        response = pages.page(request, "error.html", status=error.status, message=message, fields=fields)
    else:
        body = {"error": {"code": error.code, "message": message, "fields": fields}}
        response = JSONResponse(body, status_code=error.status)
    response.headers.update(headers or {})
    return response


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
