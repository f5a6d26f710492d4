"""The address candidates will use: latency, clock and certificate, by some forty small requests."""

import http.client
import socket
import ssl
import statistics
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from server.rehearsal.findings import Finding, RehearsalError, bad_if, look_if

PROBES = 40
SKEW_MAX_S = 2.0
CERTIFICATE_MIN = timedelta(days=14)


def front_door(url: str, authority: Path | None = None) -> list[Finding]:
    """The address candidates will use. `authority`: the centre's own, if it has one, trusted beside the machine's.

    Raises `RehearsalError` when nobody is there, or nobody whose certificate can be trusted.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise RehearsalError(f"--url {url} is no address of a web server: write https://exam.example.cn")
    trust = _trust(authority) if address.scheme == "https" else None
    try:
        millis, skews = _asked(url, _connection(address.hostname, address.port, trust))
        tls = _tls(address.hostname, address.port or 443, trust)
    except ssl.SSLCertVerificationError as error:
        raise RehearsalError(
            f"{url}: this machine does not trust the certificate ({error.verify_message}). Browsers that were not given its "
            "authority will refuse it too; for an authority kept elsewhere name its ca.crt in SSL_CERT_FILE."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise RehearsalError(f"{url} cannot be reached: {error}") from None
    return [_way(millis), *_clock(skews), tls]


def _trust(authority: Path | None) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    if authority is not None and authority.exists():
        trust.load_verify_locations(authority)
    return trust


def _connection(host: str, port: int | None, trust: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if trust is None:
        return http.client.HTTPConnection(host, port, timeout=10)
    return http.client.HTTPSConnection(host, port, timeout=10, context=trust)


def _asked(url: str, connection: http.client.HTTPConnection) -> tuple[list[float], list[float]]:
    """Milliseconds of each answer, and how far the server's clock was ahead, in seconds."""
    millis, skews = [], []
    try:
        for _probe in range(PROBES):
            began = time.perf_counter()
            connection.request("GET", "/livez")
            answer = connection.getresponse()
            answer.read()
            millis.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise RehearsalError(f"{url}/livez answers {answer.status}, not 200: this is no running Jikao.")
            date = answer.getheader("date")
            if date:
                skews.append((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() + 0.5)  # it has whole seconds
    finally:
        connection.close()
    return millis, skews


def _way(millis: list[float]) -> Finding:
    cuts = statistics.quantiles(millis, n=100, method="inclusive")
    three = " / ".join(f"{cuts[share - 1]:.1f}" for share in (50, 95, 99))
    return Finding("访问延迟 p50/p95/p99（毫秒）", "Way to the server, p50/p95/p99 (ms)", three, look_if(cuts[98] > 200))


def _clock(skews: list[float]) -> list[Finding]:
    if not skews:
        return []
    skew = statistics.median(skews)
    return [Finding("服务器时钟偏差（秒）", "Clock of the server, skew (s)", f"{skew:+.1f}", bad_if(abs(skew) > SKEW_MAX_S))]


def _tls(host: str, port: int, trust: ssl.SSLContext | None) -> Finding:
    zh, en = "传输加密（TLS）", "TLS"
    if trust is None:
        return Finding(zh, en, "http", "look")
    with socket.create_connection((host, port), timeout=10) as raw, trust.wrap_socket(raw, server_hostname=host) as tls:
        certificate: dict[str, Any] = tls.getpeercert() or {}
        version = tls.version() or ""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return Finding(zh, en, f"{version}, → {ends:%Y-%m-%d}", look_if(ends < datetime.now(UTC) + CERTIFICATE_MIN))
