"""The candidate's API: plain ASGI, outside the framework, because thousands wait on it.

A save is: one pass over the headers, one look-up of the verified cookie, one msgspec parse, the writer, one JSON answer. No
SQL, no thread pool, no pydantic, no dependency. `server.app.Application` hands everything under `PREFIX` to `CandidateApi`
before the framework sees it. The sitting always comes from the signed cookie, never from what a URL or body could name.
"""

import re
from random import Random, SystemRandom
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
import structlog
from msgspec.structs import asdict
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from itembank.errors import ItemBankError
from server.sitting import profile, reading
from server.sitting.commands import Open, Operations, Outcome
from server.sitting.core import Core
from server.sitting.events import CANDIDATE_KINDS, Event
from server.sitting.exams import Exam
from server.sitting.operations import shape_problem
from server.sitting.package_api import offered, send_package
from server.sitting.practice import practice
from server.sitting.shelf import Paper
from server.sitting.state import ENDED, Answers, Sitting, fold_answers
from server.sitting.tokens import Pass
from server.sitting.versions import PRESENCE, View
from server.sitting.wire import Asked, Status, decode_open, decode_ops, read_body, reply, status

log = structlog.get_logger()

PREFIX = "/exam/api/"
PACKAGE = "GET package/"
HELD_S = 15.0
LOAD_S = 5.0
PAGE = re.compile(r"[A-Za-z0-9_-]{8,40}")
GONE = frozenset({"closed", "late", "too_late", "absent", "exam_closed"})
UNKNOWN = {"busy": (429, "busy"), "storage": (503, "storage"), "shutdown": (503, "shutdown"), "failed": (422, "malformed")}
_random = SystemRandom()


NOTHING = fold_answers([])


class Wanted(NamedTuple):
    """What an opening is answered from: the paper, what the client holds of it, the order drawn for a first opening."""

    paper: Paper | None
    exam: Exam
    have: str
    package: str
    order: list[list[Any]] | None


class CandidateApi:
    """Answers `/exam/api/*`."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch by path."""
        asked = Asked(scope)
        given = self.core.tokens.check(asked.cookies)
        name = scope["method"] + " " + scope["path"][len(PREFIX) :]
        if scope["method"] == "POST" and asked.is_foreign:
            await reply(send, 403, {"error": "foreign_origin"})
        elif given is None:
            await reply(send, 401, {"error": "sign_in"})
        elif name == "POST ops":
            await self._ops(asked, given, receive, send)
        elif name == "GET pulse":
            await self._pulse(scope, given, send)
        else:
            await self._rarely(name, scope, asked, given, receive, send)

    async def _rarely(self, name: str, scope: Scope, asked: Asked, given: Pass, receive: Receive, send: Send) -> None:
        try:
            if name == "POST open":
                await self._open(asked, given, receive, send)
            elif name == "GET me":
                await self._me(given, send)
            elif name.startswith(PACKAGE):
                await send_package(self.core, given, name[len(PACKAGE) :], send)
            elif name == "GET practice":
                await reply(send, 200, practice(scope.get("query_string", b"")))
            else:
                await reply(send, 404, {"error": "not_found"})
        except ItemBankError as error:
            log.error("paper_not_unsealed", error=type(error).__name__)
            await self._later(send, 503, "paper")
        except (SQLAlchemyError, OSError) as error:
            log.warning("candidate_api_failed", request=name, error=type(error).__name__)
            await self._later(send, 503, "storage")

    # -- operations: the hot path --

    async def _ops(self, asked: Asked, given: Pass, receive: Receive, send: Send) -> None:
        body = await self._body(asked, receive, send)
        if body is None:
            return
        command = self.operations(given, body)
        if command is None:
            await reply(send, 422, {"error": "malformed"})
            return
        outcome = await self.core.writer.ask(command)
        self.core.bus.seen(PRESENCE, given.key)
        if outcome.code == "ok":
            await reply(send, 200, self.status(given, outcome.sitting))
        else:
            await self.refuse(given, outcome, send)

    def operations(self, given: Pass, body: bytes) -> Operations | None:
        """The command in a body; None when it is malformed."""
        try:
            request = decode_ops(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if shape_problem(request.ops):
            return None
        return Operations(given[0], given[1], request.epoch, request.ops, given[2])

    async def _body(self, asked: Asked, receive: Receive, send: Send) -> bytes | None:
        if not asked.is_json:
            await reply(send, 415, {"error": "content_type"})
            return None
        body = await read_body(receive)
        if body is None:
            await reply(send, 413, {"error": "too_big"})
        return body

    def status(self, given: Pass, sitting: Sitting | None) -> Status | dict[str, Any]:
        """What a reply says of the sitting; the time alone when there is none."""
        if sitting is None:
            return {"server_ms": self.core.writer.now_ms()}
        hub = self.core.hub
        exam = hub.known_exam(given[0])
        version = sitting.version + (exam.version if exam else 0)
        return status(sitting, self.core.writer.now_ms(), version, hub.message(given.key))

    def _status(self, given: Pass, sitting: Sitting | None) -> dict[str, Any]:
        found = self.status(given, sitting)
        return asdict(found) if isinstance(found, Status) else found

    async def refuse(self, given: Pass, outcome: Outcome, send: Send) -> None:
        """Say why not."""
        code = outcome.code
        if code in UNKNOWN:
            status_code, error = UNKNOWN[code]
            await (reply(send, 422, {"error": error}) if status_code == 422 else self._later(send, status_code, error))
        elif code == "unknown":
            await reply(send, 401, {"error": "sign_in"})
        elif code == "malformed":
            await reply(send, 422, {"error": "malformed"})
        elif code == "nothing":
            await self._later(send, 503, "paper")
        else:
            answer = {"error": code, **self._status(given, outcome.sitting)}
            if code == "not_yet":
                answer["starts_in_ms"] = outcome.wait_ms
            elif outcome.wait_ms is not None:
                answer["wait_ms"] = outcome.wait_ms
            if outcome.op is not None:
                answer["op"] = outcome.op
            await reply(send, 410 if code in GONE else 409, answer)

    async def _later(self, send: Send, status_code: int, error: str) -> None:
        """Not now: nothing of this request may be shown as saved; try again after a jittered while."""
        wait = _random.randint(300, 2_000)
        await reply(send, status_code, {"error": error, "retry_ms": wait}, retry_s=max(1, wait // 1000))

    # -- opening --

    async def _open(self, asked: Asked, given: Pass, receive: Receive, send: Send) -> None:
        body = await self._body(asked, receive, send)
        if body is None:
            return
        try:
            request = decode_open(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            request = None
        if request is None or not PAGE.fullmatch(request.page) or len(request.have) > 128 or len(request.package) > 128:
            await reply(send, 422, {"error": "malformed"})
            return
        core = self.core
        exam = await core.hub.exam(given[0])
        if exam is not None and exam.may_have_rung(core.writer.now_ms()):
            exam = await core.hub.renewed(given[0])
        known = await core.hub.view(given.key, LOAD_S)
        if exam is None or known is None:
            await reply(send, 401, {"error": "sign_in"})
            return
        if exam.state in ("aborted", "marked", "published") and known.sitting.state != ENDED:
            await reply(send, 410, {"error": "exam_closed", **self._status(given, known.sitting)})
            return
        paper = await self._paper(known.sitting, exam)
        order = None
        if paper is not None and known.sitting.opened_at is None:
            order = paper.draw(Random(_random.getrandbits(128)))  # noqa: S311 - seeded from the system's randomness
        outcome = await core.writer.ask(
            Open(
                *given.key,
                device=given.device,
                page=request.page,
                terms=exam.terms,
                order=order,
                paper_digest="" if paper is None else paper.digest,
                form_id=None if paper is None else paper.form_id,
            )
        )
        core.bus.seen(PRESENCE, given.key)
        if outcome.ok or (outcome.code == "closed" and outcome.sitting is not None):
            await self._opened(given, outcome, Wanted(paper, exam, request.have, request.package, order), send)
        else:
            await self.refuse(given, outcome, send)

    async def _paper(self, sitting: Sitting, exam: Exam) -> Paper | None:
        """The paper after the bell; None before it and after the end."""
        if sitting.form_id is None or sitting.state == ENDED:
            return None
        return await self.core.shelf.get(sitting.form_id, exam, self.core.writer.now_ms())

    async def _opened(self, given: Pass, outcome: Outcome, wanted: Wanted, send: Send) -> None:
        sitting, paper = outcome.sitting, wanted.paper
        assert sitting is not None
        answer = self._status(given, sitting)
        if sitting.state == ENDED or paper is None:
            answer |= {"paper": None, "order": None, "answers": None, "flags": None, "reports": None}
            await reply(send, 200, answer)
            return
        answer |= {
            **await self._delivery(paper, wanted),
            "paper_digest": paper.digest,
            "hand_in_from_ms": sitting.hand_in_at,
            "recovery": self.core.recovery.offer(given, sitting.epoch),
        }
        if outcome.first and sitting.message_n is None:  # nothing to read: a start storm is a storm of these
            answer |= {"order": wanted.order, **_so_far(NOTHING), "device_epoch": sitting.epoch, "messages": []}
        else:
            events = await self.core.read(reading.journal, *given.key)
            answers = fold_answers(events, with_held=True)
            answer |= {"order": answers.order, **_so_far(answers), "device_epoch": device_epoch(events)}
            answer["messages"] = answers.messages
        await reply(send, 200, answer)

    async def _delivery(self, paper: Paper, wanted: Wanted) -> dict[str, Any]:
        """Nothing, the key to the package the client holds, or the paper itself."""
        if wanted.have == paper.digest:
            return {"paper": None}
        key = paper.key_to(wanted.package)
        if key is not None:
            return {"paper": None, "package_key": key}
        body = await self.core.shelf.body(paper.form_id, wanted.exam, self.core.writer.now_ms())
        return {"paper": None if body is None else msgspec.Raw(body)}

    # -- pulse, me --

    async def _pulse(self, scope: Scope, given: Pass, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"")[:200])
        try:
            epoch, version = int(query[b"epoch"][0]), int(query[b"v"][0])
        except (KeyError, ValueError):
            await reply(send, 422, {"error": "malformed"})
            return
        core = self.core
        core.bus.seen(PRESENCE, given.key)
        view = await core.hub.view(given.key, LOAD_S)
        if view is not None and not core.hub.closing and not _fenced(view, epoch, given):
            view = await core.hub.wait(given.key, version, HELD_S)
        if core.hub.closing:
            await self._later(send, 503, "shutdown")
        elif view is None:
            await self._later(send, 503, "storage")
        else:
            await self._pulsed(view, epoch, given, send)

    async def _pulsed(self, view: View, epoch: int, given: Pass, send: Send) -> None:
        now = self.core.writer.now_ms()
        answer = asdict(status(view.sitting, now, view.version, view.message))
        exam = view.exam
        if exam is not None:
            answer["exam_state"] = exam.state
            answer["starts_in_ms"] = exam.starts_in_ms(now)
            answer["identity"] = profile.identity(view.sitting, exam.terms.identity_check)
            if view.sitting.opened_at is None:
                answer["package"] = await offered(self.core, view.sitting, exam)
        if _fenced(view, epoch, given):
            await reply(send, 409, {"error": "fenced", **answer})
        else:
            await reply(send, 200, answer)

    async def _me(self, given: Pass, send: Send) -> None:
        about = await profile.about(self.core, given)
        if about is None:
            await reply(send, 401, {"error": "sign_in"})
        else:
            await reply(send, 200, about)


def _fenced(view: View, epoch: int, given: Pass) -> bool:
    sitting = view.sitting
    if epoch == 0 or sitting.state == ENDED:
        return False
    return sitting.epoch > epoch or (sitting.device is not None and sitting.device != given.device)


def _so_far(answers: Answers) -> dict[str, Any]:
    return {
        "answers": {str(slot): value for slot, value in answers.values.items()},
        "flags": sorted(answers.flags),
        "reports": sorted({slot for slot, _text, _at in answers.reports}),
    }


def device_epoch(events: list[Event]) -> int:
    """The lowest epoch since which every epoch was opened by the PC of the latest one."""
    device, since = None, 0
    for event in events:
        if event.kind == "taken_over":
            device = None
        elif event.kind not in CANDIDATE_KINDS and "page" in event.data and event.data["device"] != device:
            device, since = event.data["device"], event.epoch
    return since
