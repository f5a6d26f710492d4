"""Pages: the Jinja environment, languages, flash notes, and redirects that htmx understands.

English sentences are the msgids; `web/locale/zh_CN/*.po` (one file a slice, read at start, no compile step) holds the
Chinese, which is the default. `_` only marks a Python string for the catalogue; `translate` says it in the reader's language.
"""

import base64
import json
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel.messages.pofile import read_po
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

WEB = Path(__file__).resolve().parent.parent / "web"
LANGUAGES = {"zh_CN": "中文", "en": "English"}
BEIJING = timezone(timedelta(hours=8), "北京时间")
FLASH_COOKIE = "jikao_flash"

language: ContextVar[str] = ContextVar("language", default="zh_CN")


def _(msgid: str) -> str:
    """Mark `msgid` for the catalogue; it is translated where it is shown."""
    return msgid


@cache
def catalogue(code: str) -> Mapping[str, str | tuple[str, ...]]:
    """msgid -> translation of one language, all slices merged. English is its own msgid."""
    merged: dict[str, str | tuple[str, ...]] = {}
    for path in sorted((WEB / "locale" / code).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id and message.string:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    merged[key] = message.string if isinstance(message.string, str) else tuple(message.string)
    return merged


def translate(msgid: str, **params: Any) -> str:
    """`msgid` in the language of the request, with `%(name)s` filled in."""
    found = catalogue(language.get()).get(msgid, msgid)
    text = found if isinstance(found, str) else found[0]
    return text % params if params else text


def _gettext(msgid: str) -> str:
    return translate(msgid)


def _ngettext(singular: str, plural: str, n: int) -> str:
    found = catalogue(language.get()).get(singular)
    if found is None:
        return singular if n == 1 else plural
    return found if isinstance(found, str) else found[0]


def beijing(value: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Time as people here read it; empty for None."""
    return value.astimezone(BEIJING).strftime(form) if value else ""


def marks(value: int | None) -> str:
    """Hundredths as a number without needless zeros: 8650 -> 86.5."""
    if value is None:
        return ""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 100)
    return f"{sign}{whole}" + (f".{rest:02d}".rstrip("0") if rest else "")


def minutes(value_ms: int | None) -> str:
    """Milliseconds as minutes without needless zeros: 90000 -> 1.5."""
    return "" if value_ms is None else f"{value_ms / 60000:g}"


def mask_id(tail: str) -> str:
    """An ID number of which only the last four are known."""
    return f"**************{tail}"


def mask_name(name: str) -> str:
    """张三 -> 张*, 欧阳小明 -> 欧**明 (first and, from three characters on, last one stay)."""
    if len(name) <= 1:
        return "*"
    return name[0] + "*" if len(name) == 2 else name[0] + "*" * (len(name) - 2) + name[-1]


@pass_context
def _may(context: Context, action: str) -> bool:
    who = context.get("who")
    return bool(who and who.may(action))


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {
        "bj": beijing,
        "bjtime": lambda value: beijing(value, "%H:%M:%S"),
        "bjdate": lambda value: beijing(value, "%Y-%m-%d"),
        "marks": marks,
        "minutes": minutes,
        "mask_id": mask_id,
        "mask_name": mask_name,
        "safe_json": safe_json,
    }
    env.globals |= {"may": _may, "LANGUAGES": LANGUAGES, "static": static}
    return env


def safe_json(value: Any) -> Markup:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


@cache
def static(path: str) -> str:
    """URL of a static file with its modification time, so that browsers may keep it for long."""
    file = WEB / "static" / path
    return f"/static/{path}?v={int(file.stat().st_mtime):x}" if file.exists() else f"/static/{path}"


env = _environment()


def _context(request: Request, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "request": request,
        "lang": language.get(),
        "csp_nonce": getattr(request.state, "csp_nonce", ""),
        "who": getattr(request.state, "who", None),
        "flash": _read_flash(request),
        "here": request.url.path,
        **extra,
    }


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a whole page."""
    response = HTMLResponse(env.get_template(template).render(_context(request, context)), status_code=status)
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


def fragment(request: Request, template: str, block: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render one named block of a page's template, for htmx."""
    loaded = env.get_template(template)
    body = "".join(loaded.blocks[block](loaded.new_context(_context(request, context))))
    return HTMLResponse(body, status_code=status)


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks (and not a boosted or restored page)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


def redirect(request: Request, url: str, flash: str = "", tone: str = "ok", **params: Any) -> Response:
    """Go on to `url` after a POST; `flash` (msgid, params) is shown there once."""
    response: Response
    if wants_fragment(request):
        response = Response(status_code=204, headers={"HX-Redirect": url})
    else:
        response = RedirectResponse(url, status_code=303)
    if flash:
        value = base64.urlsafe_b64encode(json.dumps([flash, params, tone]).encode()).decode()
        response.set_cookie(FLASH_COOKIE, value, max_age=60, httponly=True, samesite="lax")
    return response


def _read_flash(request: Request) -> dict[str, str] | None:
    raw = request.cookies.get(FLASH_COOKIE)
    if not raw:
        return None
    try:
        msgid, params, tone = json.loads(base64.urlsafe_b64decode(raw))
        return {"text": translate(str(msgid), **dict(params)), "tone": str(tone)}
    except (ValueError, TypeError, KeyError):
        return None


def download(name: str, content: bytes, media_type: str) -> Response:
    """A file to save; `name` may be Chinese."""
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    )


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
