"""What the check of a PC means, in words with what to do. Pure: measured facts in, findings out.

Nobody is kept out by a finding. `ok` needs nothing, `warn` can be lived with or has to be looked at again, `bad` should be
mended before the exam. Facts hold numbers and names of the machine only, nothing about a person.
"""

from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

OLDEST_CHROME = 109
"""The last for Windows 7."""
BEIJING_MINUTES = 480
CLOCK_OFF_MS = 60_000
SLOW_MS, VERY_SLOW_MS = 400, 1_500
MOST_FAILED = 0.1
NARROW_PX, TOO_NARROW_PX = 960, 720
LITTLE_MB = 50
SLOW_DISK_MS = 1_000
DAY_MS = 86_400_000

State = Literal["ok", "warn", "bad"]
WORST: dict[str, int] = {"ok": 0, "warn": 1, "bad": 2}

Number = Annotated[float, Meta(ge=0, le=1e13)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Feature = Literal["inert", "dialog", "own", "broadcast", "indexeddb", "abort", "crypto"]


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page measured; milliseconds, CSS pixels, megabytes.

    `clock_ms` is the PC's clock minus the server's at the quickest sample; `mark_since_ms` when the mark of an earlier
    check was set (server time), None when there was none; `zone_minutes` east of Greenwich.
    """

    browser: Annotated[str, Meta(pattern=r"^[A-Za-z]{1,16}$")]
    version: Count
    missing: Annotated[list[Feature], Meta(max_length=8)]
    secure: bool
    keeps: Literal["disk", "mirror", "nothing"]
    disk_ms: Number | None
    quota_mb: Number | None
    mark_since_ms: Number | None
    same_session: bool
    clock_ms: Annotated[float, Meta(ge=-1e13, le=1e13)] | None
    rtt_p50_ms: Number | None
    rtt_p95_ms: Number | None
    samples: Count
    failed: Count
    width: Count
    height: Count
    zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+/-]{1,48}$")]
    zone_minutes: Annotated[int, Meta(ge=-900, le=900)]
    source: Literal["check", "waiting"] = "check"


class Past(NamedTuple):
    """What the server remembers: whether this PC was checked before, and whether another PC was at its network address."""

    checked_before: bool = False
    another_here: bool = False


class Finding(Struct, frozen=True):
    """One line of the result: msgids of what was found and what to do (None: nothing), with their values."""

    name: str
    state: State
    text: str
    todo: str | None = None
    params: dict[str, Any] = {}


def msg(msgid: str) -> str:
    """Mark a sentence for the catalogue."""
    return msgid


def judge(facts: Facts, past: Past) -> list[Finding]:
    """The findings, in the order of the page."""
    return [
        _browser(facts),
        _secure(facts),
        _storage(facts),
        _mark(facts, past),
        _clock(facts),
        _zone(facts),
        _network(facts),
        _screen(facts),
    ]


def worst(findings: list[Finding]) -> State:
    """The state of the PC as a whole."""
    return max((finding.state for finding in findings), key=WORST.__getitem__)


def _browser(facts: Facts) -> Finding:
    params = {"browser": facts.browser, "version": facts.version}
    chromium = facts.browser in ("Chrome", "Edge")
    needed = [name for name in facts.missing if name != "crypto"]
    if needed or (chromium and facts.version < OLDEST_CHROME):
        text = msg("%(browser)s %(version)s is too old.")
        todo = msg("Install Chrome or Edge 109 or later (109 is the last for Windows 7).")
        return Finding("browser", "bad", text, todo, params)
    return Finding("browser", "ok", msg("%(browser)s %(version)s is suitable."), None, params)


def _secure(facts: Facts) -> Finding:
    if facts.secure and "crypto" not in facts.missing:
        return Finding("secure", "ok", msg("The browser trusts this connection and can encrypt."))
    todo = msg("Better: serve over HTTPS. Without it papers travel in the open and no recovery file can be made on this PC.")
    return Finding("secure", "warn", msg("The browser does not trust this connection (plain HTTP)."), todo)


def _storage(facts: Facts) -> Finding:
    if facts.keeps == "nothing":
        todo = msg("Leave private browsing, allow storage for this site, then check again.")
        return Finding("storage", "bad", msg("The browser keeps nothing: unsent answers would be lost with the page."), todo)
    if facts.keeps == "mirror":
        todo = msg("Leave private browsing, allow storage for this site, then check again.")
        return Finding("storage", "warn", msg("The browser's database cannot be used; a weaker store is."), todo)
    if facts.quota_mb is not None and facts.quota_mb < LITTLE_MB:
        params = {"mb": round(facts.quota_mb)}
        return Finding("storage", "warn", msg("Only %(mb)s MB may be stored."), msg("Free some space on the disk."), params)
    if facts.disk_ms is not None and facts.disk_ms > SLOW_DISK_MS:
        params = {"ms": round(facts.disk_ms)}
        return Finding(
            "storage", "warn", msg("Writing to the disk takes %(ms)s ms."), msg("Close other programs; look at the disk."), params
        )
    return Finding("storage", "ok", msg("Answers are written to the disk and read back."))


def _mark(facts: Facts, past: Past) -> Finding:
    if facts.mark_since_ms is not None:
        text = msg("The mark of an earlier check is still here.")
        if facts.same_session:
            return Finding(
                "survival", "warn", text, msg("Restart the PC and open this page once more to see whether it survives.")
            )
        return Finding(
            "survival", "ok", msg("What an earlier check stored is still here. If the PC was restarted since, storage survives.")
        )
    if past.checked_before:
        todo = msg(
            "A restore card or cleaning program wipes it: except the browser's profile, or never switch this PC off in an exam."
        )
        return Finding("survival", "bad", msg("What an earlier check stored on this PC is gone."), todo)
    if past.another_here:
        todo = msg(
            "If it was this PC, a restore card wipes it at each restart: then never switch it off while answers are unsent."
        )
        return Finding(
            "survival", "warn", msg("A PC at this network address was checked before, but nothing of it is stored here."), todo
        )
    return Finding(
        "survival",
        "warn",
        msg("First check on this PC."),
        msg("Restart the PC and open this page once more to see whether it survives."),
    )


def _clock(facts: Facts) -> Finding:
    if facts.clock_ms is None:
        return Finding("clock", "bad", msg("The clock could not be compared with the server."), msg("Look at the network first."))
    off = abs(facts.clock_ms)
    params = {"s": round(off / 1000)}
    if off < CLOCK_OFF_MS:
        return Finding("clock", "ok", msg("The clock is right to %(s)s seconds."), None, params)
    todo = msg("Set it. Exam time does not depend on it, but encrypted connections and notes of times do.")
    if off >= DAY_MS:
        return Finding("clock", "bad", msg("The clock is wrong by %(days)s days."), todo, {"days": round(off / DAY_MS)})
    text = msg("The clock is %(s)s seconds fast.") if facts.clock_ms > 0 else msg("The clock is %(s)s seconds slow.")
    return Finding("clock", "warn", text, todo, params)


def _zone(facts: Facts) -> Finding:
    params = {"zone": facts.zone}
    if facts.zone_minutes == BEIJING_MINUTES:
        return Finding("zone", "ok", msg("The time zone is Beijing time."), None, params)
    return Finding(
        "zone",
        "warn",
        msg("The time zone is %(zone)s, not Beijing time."),
        msg("Set it to UTC+8. Exam pages show Beijing time anyway."),
        params,
    )


def _network(facts: Facts) -> Finding:
    todo = msg("Look at cable, switch and Wi-Fi of this PC; check again.")
    asked = facts.samples + facts.failed
    if facts.rtt_p95_ms is None or facts.rtt_p50_ms is None or facts.failed > MOST_FAILED * asked:
        params = {"failed": facts.failed, "asked": asked}
        return Finding("network", "bad", msg("%(failed)s of %(asked)s requests to the server failed."), todo, params)
    params = {"p50": round(facts.rtt_p50_ms), "p95": round(facts.rtt_p95_ms)}
    text = msg("The server answers in %(p50)s ms, nearly always within %(p95)s ms.")
    if facts.rtt_p95_ms > VERY_SLOW_MS:
        return Finding("network", "bad", text, todo, params)
    if facts.rtt_p95_ms > SLOW_MS or facts.failed:
        return Finding("network", "warn", text, todo, params)
    return Finding("network", "ok", text, None, params)


def _screen(facts: Facts) -> Finding:
    params = {"width": facts.width, "height": facts.height}
    text = msg("The page has %(width)s × %(height)s points.")
    if facts.width < TOO_NARROW_PX:
        return Finding("screen", "bad", text, msg("Enlarge the window, or set a smaller zoom or a higher resolution."), params)
    if facts.width < NARROW_PX:
        todo = msg("It works, but the answer sheet stands below the question. 1024 points or more are better.")
        return Finding("screen", "warn", text, todo, params)
    return Finding("screen", "ok", text, None, params)
