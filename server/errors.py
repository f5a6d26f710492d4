"""What can go wrong on the way to a page, and which status it has.

Domain code raises these (or its own errors, translated by the slice's routes). Messages are English msgids with
parameters; `pages` translates them for the reader. Nothing here ever carries what a person typed: an error page or a log
line must not echo content of items or ID numbers.
"""

from dataclasses import dataclass
from typing import Any


class AppError(Exception):
    """An expected refusal: `status` for HTTP, `code` for machines, `message` (msgid, `params`) for people."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str = "This cannot be done.", **params: Any) -> None:
        super().__init__(message)
        self.message = message
        self.params = params


class NotFound(AppError):
    """No such thing, or it belongs to another institution: both look the same from outside."""

    status = 404
    code = "not_found"

    def __init__(self, message: str = "There is nothing here.", **params: Any) -> None:
        super().__init__(message, **params)


class SignInNeeded(AppError):
    """Nobody is signed in; a page request is sent to the sign-in page."""

    status = 401
    code = "sign_in"

    def __init__(self, message: str = "Please sign in.", **params: Any) -> None:
        super().__init__(message, **params)


class Forbidden(AppError):
    """Signed in, but the permission table says no."""

    status = 403
    code = "forbidden"

    def __init__(self, message: str = "Your role does not allow this.", **params: Any) -> None:
        super().__init__(message, **params)


class Conflict(AppError):
    """The state has moved on, or two acts exclude each other."""

    status = 409
    code = "conflict"


class TooMany(AppError):
    """A throttle; `retry_after` in seconds."""

    status = 429
    code = "too_many"

    def __init__(self, message: str = "Too many attempts. Please wait.", *, retry_after: int = 60, **params: Any) -> None:
        super().__init__(message, **params)
        self.retry_after = retry_after


@dataclass(frozen=True)
class FieldError:
    """One mistake in a form: the field's name, what is wrong and how to mend it (msgid with parameters)."""

    field: str
    message: str
    params: tuple[tuple[str, Any], ...] = ()


class Invalid(AppError):
    """Input that cannot be taken as it is; names every field at once."""

    status = 422
    code = "invalid"

    def __init__(
        self,
        message: str = "Some entries need to be mended.",
        fields: list[FieldError] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(message, **params)
        self.fields = fields or []
