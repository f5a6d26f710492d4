"""A server of one sitting, by hand, that speaks the candidates' protocol and can be told to misbehave.

It keeps what the real one keeps (epochs, operations by number, answers) in memory, renders the real templates and serves the
real static files under the same security headers. Faults: `down` (every connection is cut), `faults` (one entry is used up
by each request for operations).
"""

import base64
import hashlib
import json
import mimetypes
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from server.keyring import Keyring
from server.pages import WEB, env, language
from server.sitting import package
from server.sitting.recovery import Recovery
from server.sitting.tokens import Pass

JSON = dict[str, Any]
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 90" width="240" height="90">'
    b'<rect width="240" height="90" fill="#fff"/>'
    b'<path d="M10 45h60m40 0h120" stroke="#222" stroke-width="3"/><rect x="70" y="30" width="40" height="30" fill="none" '
    b'stroke="#222" stroke-width="3"/><text x="80" y="22" font-size="16">R</text></svg>'
)
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def paper(singles: int = 6, multiples: int = 2, judgements: int = 4) -> JSON:
    """A paper of three sections; question 2 has a picture, question 3 an attempt at script."""
    kinds = ["single"] * singles + ["multiple"] * multiples + ["true_false"] * judgements
    items = [_item(slot, kind) for slot, kind in enumerate(kinds, start=1)]
    return {
        "form_id": 1,
        "label": "A",
        "title": "电工 四级 理论知识试卷",
        "duration_ms": 1_200_000,
        "digest": "d" * 64,
        "sections": [
            {"kind": "single", "title_zh": "一、单项选择题", "marks_each": 100},
            {"kind": "multiple", "title_zh": "二、多项选择题", "marks_each": 200},
            {"kind": "true_false", "title_zh": "三、判断题", "marks_each": 50},
        ],
        "items": items,
        "media": {"pic1": {"type": "image/svg+xml", "data_base64": base64.b64encode(PICTURE).decode()}},
    }


def _item(slot: int, kind: str) -> JSON:
    stem = f"<p>第 {slot} 题：用万用表测量电阻时，下列做法中<strong>正确</strong>的是（ ）。</p>"
    if slot == 2:
        stem += '<p><img src="media:pic1" alt="电路图"></p>'
    if slot == 3:
        stem += '<p onclick="window.hacked=1">丙<script>window.hacked=1</script><img src=x onerror="window.hacked=1"></p>'
    texts = ["断开电源后测量", "在带电的电路中直接测量", "任意选择量程", "测量前不需要调零"]
    options = [{"id": number, "html": text} for number, text in enumerate(texts, start=1)]
    if kind == "true_false":
        stem = f"<p>第 {slot} 题：电气设备停电后，在未采取安全措施之前，不得触及设备。</p>"
        options = [{"id": 1, "html": "正确"}, {"id": 2, "html": "错误"}]
    marks = {"single": 100, "multiple": 200, "true_false": 50}[kind]
    return {
        "slot": slot,
        "kind": kind,
        "stem_html": stem,
        "options": options,
        "fixed_order": kind == "true_false",
        "marks": marks,
    }


@dataclass
class Sitting:
    """What the fake keeps of the one sitting."""

    paper: JSON = field(default_factory=paper)
    state: str = "waiting"
    starts_at: float = 0.0
    closes_at: float = 0.0
    frozen_ms: int | None = None
    duration_ms: int = 1_200_000
    hand_in_from: float = 0.0
    epoch: int = 0
    page: str = ""
    n: int = 0
    version: int = 1
    ops: dict[int, dict[int, JSON]] = field(default_factory=dict)
    answers: dict[int, list[int]] = field(default_factory=dict)
    flags: set[int] = field(default_factory=set)
    reports: dict[int, str] = field(default_factory=dict)
    quarantine: list[tuple[int, JSON]] = field(default_factory=list)
    device_epoch: int = 0
    end: str | None = None
    receipt: JSON | None = None
    message: JSON | None = None
    outage_ms: int = 0
    holding: bool = False
    held: list[JSON] = field(default_factory=list)
    identity: str = "checked"
    other_device: bool = False

    @property
    def ack(self) -> int:
        """The highest operation stored without a gap in the live epoch."""
        return max(self.ops.get(self.epoch, {}), default=0)

    def remaining_ms(self) -> int | None:
        """Until closing time; None before the opening."""
        if not self.epoch:
            return None
        if self.state == "ended":
            return 0
        if self.frozen_ms is not None:
            return self.frozen_ms
        return max(0, int((self.closes_at - time.time()) * 1000))

    def status(self) -> JSON:
        """The status object of the protocol."""
        return {
            "state": self.state,
            "end": self.end,
            "epoch": self.epoch,
            "ack": self.ack,
            "head": "0" * 64,
            "n": self.n,
            "version": self.version,
            "remaining_ms": self.remaining_ms(),
            "server_ms": int(time.time() * 1000),
            "answered": sum(1 for value in self.answers.values() if value),
            "flagged": len(self.flags),
            "receipt": self.receipt,
            "message": self.message,
            "held": len(self.held),
            "outage_ms": self.outage_ms,
        }

    def finish(self, end: str) -> None:
        """End the sitting, with a receipt unless it is voided."""
        self.state, self.end, self.n, self.version = "ended", end, self.n + 1, self.version + 1
        answered = sum(1 for value in self.answers.values() if value)
        total = len(self.paper["items"])
        receipt = {
            "code": "ABCD2345EFGH67JK",
            "answered": answered,
            "total": total,
            "n": self.n,
            "at_ms": int(time.time() * 1000),
            "end": end,
        }
        self.receipt = None if end == "voided" else receipt


class FakeServer:
    """Runs on a free port of 127.0.0.1 until `close()`."""

    def __init__(self) -> None:
        self.sitting = Sitting()
        self.lock = threading.Condition()
        self.down = False
        self.faults: list[str] = []
        self.requests: list[JSON] = []
        self.opens: list[JSON] = []
        self.signed_in = True
        self.recovery = Recovery(Keyring.ephemeral())
        self.closing = False
        self.key = secrets.token_bytes(32)
        self.given_key = self.key
        self.package: bytes | None = None
        self.fetches: list[str] = []
        self.slow = threading.Event()
        self.slow.set()
        handler = type("Handler", (Handler,), {"fake": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.closing = True
        self.news()
        self.http.shutdown()
        self.http.server_close()

    def news(self, **changes: Any) -> None:
        """Change the sitting and wake held pulses."""
        with self.lock:
            for name, value in changes.items():
                setattr(self.sitting, name, value)
            self.sitting.version += 1
            self.sitting.n += 1
            self.lock.notify_all()

    def end(self, how: str) -> None:
        """End the sitting from outside (time, invigilator)."""
        with self.lock:
            self.sitting.finish(how)
            self.lock.notify_all()

    def seal(self) -> bytes:
        """Have a package of the paper, as the real server makes it."""
        with self.lock:
            self.package = package.lock(json.dumps(self.sitting.paper, ensure_ascii=False).encode(), self.key)
            return self.package

    def offer(self) -> JSON | None:
        """What a page may fetch now."""
        if self.package is None or self.sitting.state == "ended":
            return None
        return {"digest": hashlib.sha256(self.package).hexdigest(), "size": len(self.package)}

    def begin(self, minutes: float = 20.0) -> None:
        """Ring the bell now."""
        with self.lock:
            self.sitting.starts_at = time.time()
            self.sitting.duration_ms = int(minutes * 60_000)
            self.sitting.version += 1
            self.lock.notify_all()

    def me(self) -> JSON:
        """The candidate as pages and `me` show them."""
        sitting = self.sitting
        starts_in = max(0, int((sitting.starts_at - time.time()) * 1000)) if sitting.starts_at else None
        return {
            "key": "7-12",
            "name": "欧阳小明",
            "admission_no": "330102260012",
            "seat": "12",
            "room": "第3考场",
            "exam": "电工 四级 理论知识考试",
            "occupation": "电工",
            "starts_at_ms": int(sitting.starts_at * 1000),
            "starts_in_ms": starts_in,
            "duration_ms": sitting.duration_ms,
            "extra_ms": 0,
            "latest_entry_ms": 1_800_000,
            "earliest_hand_in_ms": 300_000,
            "grace_ms": 10_000,
            "bell": "scheduled" if sitting.starts_at else "chief",
            "identity": sitting.identity,
            "exam_state": "open" if starts_in == 0 else "scheduled",
            "sitting": sitting.status(),
            "watermark": "欧**明 · 0012 · 3-12",
            "package": self.offer(),
        }

    def open(self, body: JSON) -> tuple[int, JSON]:
        """`POST open`."""
        with self.lock:
            self.opens.append(body)
            sitting = self.sitting
            starts_in = self.me()["starts_in_ms"]
            if sitting.state == "ended":
                return 200, {**sitting.status(), "paper": None, "order": None, "answers": None}
            if starts_in is None or starts_in > 0:
                return 409, {"error": "not_yet", "starts_in_ms": starts_in, **sitting.status()}
            if sitting.identity == "waiting":
                return 409, {"error": "identity"}
            if sitting.other_device:
                return 409, {"error": "other_device"}
            self._new_epoch(body["page"])
            items = sitting.paper["items"]
            offer = self.offer()
            if body.get("have") == sitting.paper["digest"]:
                delivery: JSON = {"paper": None}
            elif offer and body.get("package") == offer["digest"]:
                delivery = {"paper": None, "package_key": base64.b64encode(self.given_key).decode()}
            else:
                delivery = {"paper": sitting.paper}
            return 200, {
                **sitting.status(),
                **delivery,
                "paper_digest": sitting.paper["digest"],
                "order": order(items),
                "answers": {str(slot): value for slot, value in sitting.answers.items()},
                "flags": sorted(sitting.flags),
                "reports": sorted(sitting.reports),
                "device_epoch": sitting.device_epoch,
                "hand_in_from_ms": int(sitting.hand_in_from * 1000),
                "messages": [],
                "recovery": self.recovery.offer(Pass(7, 12, "5"), sitting.epoch),
            }

    def _new_epoch(self, page: str) -> None:
        sitting = self.sitting
        if page == sitting.page:
            return
        if not sitting.epoch:
            sitting.closes_at = time.time() + sitting.duration_ms / 1000
            sitting.state = "open"
        sitting.page, sitting.epoch, sitting.n = page, sitting.epoch + 1, sitting.n + 1
        sitting.version += 1
        sitting.ops[sitting.epoch] = {}
        self.lock.notify_all()

    def store(self, body: JSON) -> tuple[int, JSON]:
        """`POST ops`."""
        with self.lock:
            self.requests.append(body)
            sitting = self.sitting
            if body["epoch"] != sitting.epoch or sitting.state == "ended":
                return self._keep_apart(body)
            if sitting.remaining_ms() == 0 and sitting.closes_at + 10 < time.time() and not sitting.holding:
                sitting.quarantine += [(body["epoch"], op) for op in body["ops"]]
                return 410, {"error": "late", **sitting.status()}
            for op in body["ops"]:
                answer = self._one(op)
                if answer:
                    return answer
            return 200, sitting.status()

    def _keep_apart(self, body: JSON) -> tuple[int, JSON]:
        sitting = self.sitting
        stored = sitting.ops.get(body["epoch"], {})
        new = [op for op in body["ops"] if op["op"] not in stored]
        sitting.quarantine += [(body["epoch"], op) for op in new]
        if sitting.state == "ended":
            return (410, {"error": "closed", **sitting.status()}) if new else (200, sitting.status())
        return 409, {"error": "fenced", **sitting.status()}

    def _one(self, op: JSON) -> tuple[int, JSON] | None:
        sitting = self.sitting
        content = {name: value for name, value in op.items() if name != "dt_ms"}
        stored = sitting.ops[sitting.epoch]
        if op["op"] in stored:
            return None if stored[op["op"]] == content else (409, {"error": "fork", "op": op["op"], **sitting.status()})
        if op["op"] != sitting.ack + 1:
            return 409, {"error": "gap", **sitting.status()}
        wait_ms = int((sitting.hand_in_from - time.time()) * 1000)
        if op.get("submit") and wait_ms > 0:
            return 409, {"error": "too_early", "wait_ms": wait_ms, **sitting.status()}
        stored[op["op"]] = content
        sitting.n += 1
        if sitting.holding:
            sitting.held.append(op)
        else:
            self._apply(op)
        return None

    def judge(self, credit_ms: int) -> None:
        """The time is known again: give back what the outage took, let what was held count."""
        with self.lock:
            sitting = self.sitting
            sitting.closes_at += credit_ms / 1000
            sitting.outage_ms += credit_ms
            held, sitting.held, sitting.holding = sitting.held, [], False
            sitting.n, sitting.version = sitting.n + 1, sitting.version + 1
            for op in held:
                self._apply(op)
            self.lock.notify_all()

    def _apply(self, op: JSON) -> None:
        sitting = self.sitting
        if "value" in op:
            sitting.answers[op["item"]] = op["value"]
        elif "report" in op:
            sitting.reports[op["item"]] = op["report"]
        elif "flag" in op:
            (sitting.flags.add if op["flag"] else sitting.flags.discard)(op["item"])
        else:
            sitting.finish("submitted")
            self.lock.notify_all()

    def pulse(self, epoch: int, version: int, hold: float = 5.0) -> tuple[int, JSON]:
        """`GET pulse`, held until there is news."""
        end = time.monotonic() + hold
        with self.lock:
            while not self.closing and not self.down:
                if 0 < epoch < self.sitting.epoch:
                    return 409, {"error": "fenced", **self.sitting.status()}
                if self.sitting.version != version or time.monotonic() >= end:
                    break
                self.lock.wait(0.1)
            me = self.me()
            names = ("exam_state", "starts_in_ms", "identity", "package")
            return 200, {**self.sitting.status(), **{name: me[name] for name in names}}


def order(items: list[JSON]) -> list[list[Any]]:
    """Questions in a fixed other order: first and second of the singles swapped, options turned round."""
    slots = [item["slot"] for item in items]
    if len(slots) > 1:
        slots[0], slots[1] = slots[1], slots[0]
    by_slot = {item["slot"]: item for item in items}
    return [[slot, _options(by_slot[slot])] for slot in slots]


def _options(item: JSON) -> list[int]:
    ids = [option["id"] for option in item["options"]]
    return ids if item["fixed_order"] else ids[::-1]


class Handler(BaseHTTPRequestHandler):
    """Routes of the fake."""

    fake: ClassVar[FakeServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Pages, static files, and what may be read."""
        if self._cut():
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/static/"):
            self._static(url.path)
        elif url.path == "/exam":
            self._page("exam/enter.html", error=query.get("error"), admission_no="", seat="3-12", pc_mirror="", pc_new=False)
        elif url.path == "/exam/room":
            me = self.fake.me()
            text = json.dumps(me, ensure_ascii=False).replace("<", "\\u003c")
            self._page("exam/room.html", me=me, me_json=text)
        elif not self.fake.signed_in:
            self._json(401, {"error": "sign_in"})
        else:
            self._read(url.path, query)

    def _read(self, path: str, query: dict[str, str]) -> None:
        if path == "/exam/api/me":
            self._json(200, self.fake.me())
        elif path.startswith("/exam/api/package/"):
            self._package(path.rpartition("/")[2])
        elif path == "/exam/api/practice":
            trial = paper(1, 1, 1)
            self._json(200, {"paper": trial, "order": order(trial["items"])})
        elif path == "/exam/api/pulse":
            answer = self.fake.pulse(int(query["epoch"]), int(query["v"]))
            if not self._cut():
                self._json(*answer)
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """Opening, operations, language."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self._cut():
            return
        if self.path == "/language":
            code = parse_qs(body.decode())["code"][0]
            self._see_other(parse_qs(body.decode())["back"][0], f"lang={code}; Path=/")
        elif self.path == "/exam/leave":
            self._see_other("/exam")
        elif not self.fake.signed_in:
            self._json(401, {"error": "sign_in"})
        elif self.path == "/exam/api/open":
            self._json(*self.fake.open(json.loads(body)))
        elif self.path == "/exam/api/ops":
            self._ops(json.loads(body))
        else:
            self._json(404, {"error": "not_found"})

    def _package(self, digest: str) -> None:
        offer, data = self.fake.offer(), self.fake.package
        self.fake.fetches.append(digest)
        if offer is None or data is None or offer["digest"] != digest:
            self._json(404, {"error": "not_found"})
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "private, max-age=31536000, immutable")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.fake.slow.wait(20)
        if self.fake.down:
            self._hang_up()
        else:
            self.wfile.write(data[len(data) // 2 :])

    def _ops(self, body: JSON) -> None:
        fault = self.fake.faults.pop(0) if self.fake.faults else ""
        if fault == "lose request":
            self._hang_up()
        elif fault == "lose reply":
            self.fake.store(body)
            self._hang_up()
        elif fault.isdigit():
            self._json(int(fault), {"error": "busy", "retry_ms": 100})
        else:
            self._json(*self.fake.store(body))

    def _cut(self) -> bool:
        if self.fake.down:
            self._hang_up()
        return self.fake.down

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _page(self, template: str, **context: Any) -> None:
        nonce = secrets.token_urlsafe(12)
        lang = "en" if "lang=en" in self.headers.get("cookie", "") else "zh_CN"
        language.set(lang)
        request = SimpleNamespace(url=SimpleNamespace(path=self.path, query=""))
        here = urlsplit(self.path).path
        text = env.get_template(template).render(
            request=request, lang=lang, csp_nonce=nonce, who=None, flash=None, here=here, **context
        )
        self._send(200, "text/html; charset=utf-8", text.encode(), {"Content-Security-Policy": POLICY.format(nonce=nonce)})

    def _static(self, path: str) -> None:
        file = (WEB / path.lstrip("/")).resolve()
        if not file.is_relative_to(WEB / "static") or not file.is_file():
            self._json(404, {"error": "not_found"})
            return
        kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self._send(200, kind, Path(file).read_bytes(), {"Cache-Control": "no-cache"})

    def _json(self, status: int, body: JSON) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), {"Cache-Control": "no-store"})

    def _see_other(self, where: str, cookie: str = "") -> None:
        self._send(303, "text/plain", b"", {"Location": where, **({"Set-Cookie": cookie} if cookie else {})})

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the browser went away while a pulse was held
