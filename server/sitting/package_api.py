"""The package of a candidate's paper over HTTP: which one it is, and its bytes.

It is ciphertext without its key, so it may be kept by the browser; still only candidates of that very form get it, and everybody
else is answered as if it did not exist.
"""

from typing import Any

from starlette.types import Send

from server.sitting.core import Core
from server.sitting.exams import Exam
from server.sitting.state import ABSENT, ENDED, Sitting
from server.sitting.tokens import Pass
from server.sitting.wire import reply

LOAD_S = 5.0
HEADERS = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"private, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


async def offered(core: Core, sitting: Sitting, exam: Exam) -> dict[str, Any] | None:
    """`{digest, size}` of the package this candidate may fetch now, None when there is none."""
    if sitting.state in (ENDED, ABSENT):
        return None
    package = await core.shelf.package(sitting.form_id, exam, core.writer.now_ms())
    return None if package is None else {"digest": package.digest, "size": package.size}


async def send_package(core: Core, given: Pass, digest: str, send: Send) -> None:
    """`GET package/<digest>`: 200 with the bytes, else 404, whatever the reason."""
    exam = await core.hub.exam(given.exam_session_id)
    view = await core.hub.view(given.key, LOAD_S)
    data = None
    if view is not None and view.sitting.state not in (ENDED, ABSENT):
        data = await core.shelf.ciphertext(view.sitting.form_id, exam, digest, core.writer.now_ms())
    if data is None:
        await reply(send, 404, {"error": "not_found"})
        return
    headers = [*HEADERS, (b"content-length", b"%d" % len(data)), (b"etag", b'"' + digest.encode() + b'"')]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})
