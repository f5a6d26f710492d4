"""HTTPS by the centre's own authority: what is made, what is refused, and the server speaking it."""

import http.client
import os
import shutil
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from typer.testing import CliRunner

from server import cli, tls
from server.rehearsal import RehearsalError
from server.rehearsal.door import front_door
from server.tls import Folders, TlsError
from tests.live import LiveServer

NOW = datetime.now(UTC)
NAME = "exam.centre.test"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    data = tmp_path_factory.mktemp("tls")
    folders = Folders(data / "tls-authority", data / "tls")
    tls.make([NAME, "192.168.1.10", "fd00::5"], folders, NOW)
    return folders


def test_keys_are_the_owner_s_and_apart(made: Folders) -> None:
    for path in (made.authority_key, made.key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.authority_key.parent != made.key.parent
    assert not list(made.server.glob("ca.*"))


@pytest.mark.parametrize("name", [NAME, "192.168.1.10", "fd00::5", "localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_authority_accepts_each_name(made: Folders, name: str) -> None:
    assert handshake(made, name, made.authority_cert) == ""


def test_nobody_else_accepts_it_and_nobody_for_another_name(made: Folders, tmp_path: Path) -> None:
    assert "mismatch" in handshake(made, "bank.example.com", made.authority_cert)
    other = Folders(tmp_path / "a", tmp_path / "s")
    tls.make([NAME], other, NOW)
    assert "certificate verify failed" in handshake(made, NAME, other.authority_cert)


def test_the_authority_is_good_for_no_other_site(made: Folders, tmp_path: Path) -> None:
    """Somebody who stole its key signs for a bank: clients refuse by the name constraints."""
    authority = x509.load_pem_x509_certificate(made.authority_cert.read_bytes())
    key = load_pem_private_key(made.authority_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    stolen = Folders(made.authority, tmp_path / "stolen")
    tls._serve_by(authority, key, tls._hosts(["bank.example.com"]), stolen, NOW)
    assert "permitted subtree violation" in handshake(stolen, "bank.example.com", made.authority_cert)


def handshake(folders: Folders, name: str, trusted: Path) -> str:
    """What a client says to the server's certificate; "" when it is content."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folders.cert, folders.key)
    client = ssl.create_default_context(cafile=trusted)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _round in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return str(error)
    return ""


def test_renewing_keeps_the_authority_and_the_names(made: Folders, tmp_path: Path) -> None:
    folders = Folders(made.authority, tmp_path / "tls")
    shutil.copytree(made.server, folders.server)
    before = folders.cert.read_bytes(), folders.key.read_bytes()
    again = tls.renew([], folders, NOW + timedelta(days=300))
    assert (folders.cert.read_bytes(), folders.key.read_bytes()) != before
    assert NAME in again.hosts
    assert "fd00::5" in again.hosts
    assert tls.check(folders.cert, folders.key, NOW + timedelta(days=300)) == ""
    with pytest.raises(TlsError, match=r"other names and may not sign for other\.test"):
        tls.renew(["other.test"], folders, NOW)
    tls.renew([f"room2.{NAME}"], folders, NOW)
    assert handshake(folders, f"room2.{NAME}", made.authority_cert) == ""


def test_a_second_authority_never_replaces_the_first(made: Folders) -> None:
    before = made.authority_key.read_bytes()
    with pytest.raises(TlsError, match="holds an authority already"):
        tls.make([NAME], made, NOW)
    assert made.authority_key.read_bytes() == before


@pytest.mark.parametrize("host", ["http://exam.test", "exam.test:8000", "", "*.test", "a b", "考场", "x" * 64 + ".test"])
def test_what_is_no_name_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="neither a name nor an address"):
        tls.make([host], Folders(tmp_path / "a", tmp_path / "s"), NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("other_key", "is not the key of the certificate"),
        ("expired", "ended on"),
        ("not_yet", "is this machine's clock right"),
        ("missing", "cannot be read: No such file"),
        ("unreadable", "cannot be read: Is a directory"),
        ("no_cert", "holds no certificate in PEM form"),
        ("no_key", "holds no private key in PEM form"),
        ("locked", "locked by a password"),
    ],
)
def test_what_cannot_serve_is_refused_in_a_sentence(made: Folders, tmp_path: Path, case: str, sentence: str) -> None:
    cert, key, now = made.cert, made.key, NOW
    odd = tmp_path / "odd.pem"
    if case == "other_key":
        key = made.authority_key
    elif case == "expired":
        now += timedelta(days=398)
    elif case == "not_yet":
        now -= timedelta(days=2)
    elif case == "missing":
        cert = odd
    elif case == "unreadable":
        key = tmp_path
    elif case == "locked":
        private = load_pem_private_key(made.key.read_bytes(), None)
        odd.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
        key = odd
    else:
        odd.write_text("rubbish")
        cert, key = (odd, key) if case == "no_cert" else (cert, odd)
    with pytest.raises(TlsError, match=sentence):
        tls.check(cert, key, now)


def test_soon_due_is_said(made: Folders) -> None:
    assert tls.check(made.cert, made.key, NOW) == ""
    assert "renew it before" in tls.check(made.cert, made.key, NOW + timedelta(days=390))


def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKAO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JIKAO_PORT", "8443")
    result = CliRunner().invoke(cli.app, ["tls", "init", "--host", NAME, "--authority", str(tmp_path / "stick")])
    assert result.exit_code == 0, result.output
    sheet = (tmp_path / "stick" / "install.html").read_text(encoding="utf-8")
    assert sheet.count(f"https://{NAME}:8443/exam") == 2
    assert "受信任的根证书颁发机构" in sheet
    assert "Trusted Root Certification Authorities" in sheet
    printed = tls.fingerprint(x509.load_pem_x509_certificate((tmp_path / "stick" / "ca.crt").read_bytes()))
    assert sheet.count(printed) == 2
    assert printed in result.output
    assert not (tmp_path / "tls-authority").exists()
    again = CliRunner().invoke(cli.app, ["tls", "init", "--host", NAME, "--authority", str(tmp_path / "stick")])
    assert again.exit_code == 1
    assert "holds an authority already" in again.output
    renewed = CliRunner().invoke(cli.app, ["tls", "renew", "--authority", str(tmp_path / "stick")])
    assert renewed.exit_code == 0
    assert os.listdir(tmp_path / "tls") != []


def test_the_server_speaks_it_and_keeps_connections(made: Folders, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "jikao.db")
    server = LiveServer(
        tmp_path,
        trust=made.authority_cert,
        JIKAO_TLS_CERT=str(made.cert),
        JIKAO_TLS_KEY=str(made.key),
        JIKAO_HOST="0.0.0.0",
    )
    server.start()
    try:
        assert server.tls is not None
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=server.tls, timeout=20)
        connection.request("GET", "/exam")
        answer = connection.getresponse()
        answer.read()
        cookies = answer.headers.get_all("set-cookie") or []
        assert cookies
        assert all("Secure" in cookie for cookie in cookies)
        socket = connection.sock
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        assert answer.read() == b"ok"
        assert connection.sock is socket, "the connection is kept"
        assert answer.getheader("connection") != "close"
        assert socket.version() in ("TLSv1.2", "TLSv1.3")
        connection.close()
        the_rehearsal_looks_at_the_certificate(server.url, made)
    finally:
        server.stop()


def the_rehearsal_looks_at_the_certificate(url: str, made: Folders) -> None:
    found = {one.en: one for one in front_door(url, made.authority_cert)}
    assert set(found) == {"Way to the server, p50/p95/p99 (ms)", "Clock of the server, skew (s)", "TLS"}
    ends = x509.load_pem_x509_certificate(made.cert.read_bytes()).not_valid_after_utc
    assert (found["TLS"].value, found["TLS"].verdict) == (f"TLSv1.3, → {ends:%Y-%m-%d}", "good")
    assert found["Clock of the server, skew (s)"].verdict == "good"
    for authority in (None, made.authority / "nothing here"):
        with pytest.raises(RehearsalError, match="does not trust the certificate"):
            front_door(url, authority)
    with pytest.raises(RehearsalError, match="cannot be reached"):
        front_door(url.replace("https", "http"))
