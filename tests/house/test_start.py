"""What a serving process loads before it serves: a killed one is to be back soon."""

import subprocess
import sys

HEAVY = ("numpy", "scipy", "highspy", "xlsxwriter", "python_calamine", "lxml", "typst", "alembic", "mako", "rich", "pygments")
"""Solver and statistics, spreadsheets, PDFs, migrations, coloured terminals: each for those who use it."""

FIRST_PAGES = """
import pathlib, tempfile
from fastapi.testclient import TestClient
from server import alltables, app, db
from server.keyring import Keyring
from server.settings import Settings
with tempfile.TemporaryDirectory() as folder:
    settings = Settings(data_dir=pathlib.Path(folder))
    dbs = db.connect(settings.url)
    alltables.metadata.create_all(dbs.write)
    dbs.dispose()
    with TestClient(app.create_app(settings, keyring=Keyring.ephemeral())) as client:
        for path in ("/sign-in", "/exam", "/readyz"):
            assert client.get(path).status_code == 200, path
"""


def test_serving_loads_nothing_heavy() -> None:
    """The command line, a parent of workers, the application, and its first pages."""
    look = f"print(sorted(set(sys.modules) & set({HEAVY})))"
    code = f"import sys, server.cli, server.workers\n{FIRST_PAGES}\n{look}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
