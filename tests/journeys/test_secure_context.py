"""A LAN centre's own certificate gives the exam page a secure context, on a name that is not this machine's."""

import base64
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Playwright

from server import tls
from tests.journeys.desk import ARGUMENTS
from tests.live import LiveServer

pytestmark = pytest.mark.browser
NAME = "exam.centre.test"


def test_the_exam_page_is_a_secure_context(playwright: Playwright, chromium: str, sqlite_template: Path, tmp_path: Path) -> None:
    """The browser is told to trust this one key; that real clients trust the chain is `tests/house/test_tls.py`."""
    shutil.copy(sqlite_template, tmp_path / "jikao.db")
    folders = tls.Folders(tmp_path / "tls-authority", tmp_path / "tls")
    tls.make([NAME], folders, datetime.now(UTC))
    key = x509.load_pem_x509_certificate(folders.cert.read_bytes()).public_key()
    pin = base64.b64encode(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()).decode()
    server = LiveServer(tmp_path, trust=folders.authority_cert, JIKAO_TLS_CERT=str(folders.cert), JIKAO_TLS_KEY=str(folders.key))
    server.start()
    mapped = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    try:
        for trusting in ([f"--ignore-certificate-errors-spki-list={pin}"], []):
            browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, mapped, *trusting])
            page = browser.new_page()
            if trusting:
                page.goto(f"https://{NAME}:{server.port}/exam")
                assert page.evaluate("window.isSecureContext") is True
                assert page.evaluate("typeof crypto.subtle.decrypt") == "function"
                names = {cookie["name"]: cookie["secure"] for cookie in page.context.cookies()}
                assert names
                assert all(names.values())
            else:
                with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
                    page.goto(f"https://{NAME}:{server.port}/exam")
            browser.close()
    finally:
        server.stop()
