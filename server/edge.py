"""What every request passes first: language, security headers, the check against foreign origins.

Plain ASGI, so that the exam routes pay for nothing they do not need. A request that changes something must come from this
site: browsers say where it comes from (`Sec-Fetch-Site`, `Origin`), and cookies are `SameSite=Lax` besides.
"""

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import pages

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
SAME_SITE = {"same-origin", "none"}


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _is_foreign(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in SAME_SITE
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


class Edge:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, *, default_language: str) -> None:
        self.app = app
        self.default_language = default_language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, set the language, add the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] not in SAFE_METHODS and _is_foreign(headers):
            refusal = JSONResponse({"error": {"code": "foreign_origin"}}, status_code=403)
            await refusal(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/exam/api/"):
            await self.app(scope, receive, send)  # sets its own no-store; JSON needs no policy for documents
            return
        pages.language.set(_language(headers, self.default_language))
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["csp_nonce"] = nonce

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), path, nonce)
            await send(message)

        await self.app(scope, receive, with_headers)


def _language(headers: Headers, default: str) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "lang" and value in pages.LANGUAGES:
            return value
    return default


def _add_headers(headers: MutableHeaders, path: str, nonce: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if path.startswith("/static/"):
        headers["Cache-Control"] = "public, max-age=86400"
        return
    headers["Content-Security-Policy"] = _policy(nonce)
    headers.setdefault("Cache-Control", "no-store")
