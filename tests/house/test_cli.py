"""The command line says in one sentence what is wrong, and leaves nothing half-done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine
from typer.testing import CliRunner

from server import cli, logs
from server.demo.bank import CONTENT
from tests import postgresql

ENVIRONMENT = {"JIKAO_PASSWORD": "correct-horse-9"}
PEOPLE = ["person", "add", "bank", "--name", "周", "--role", "bank_manager"]
SETUP = ["setup", "--institution", "评价中心", "--code", "KQ", "--login", "admin"]


@pytest.fixture
def jikao(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.setenv("JIKAO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    yield CliRunner(env=ENVIRONMENT)
    structlog.reset_defaults()


def run(runner: CliRunner, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(cli.app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_from_nothing_to_a_batch_that_waits(jikao: CliRunner) -> None:
    bank = ("--bank", "DG4", "--as", "bank")
    assert run(jikao, "migrate")[0] == 0
    assert run(jikao, *SETUP)[0] == 0
    assert run(jikao, *PEOPLE)[0] == 0
    assert run(jikao, "import", str(CONTENT / "syllabus.xlsx"), "--syllabus", *bank)[0] == 0
    items = ("import", str(CONTENT / "items.xlsx"), *bank, "--figures", str(CONTENT / "figures"))
    code, said = run(jikao, *items)
    assert code == 0
    assert "500 items wait as batch 1" in said
    code, said = run(jikao, *items)
    assert code == 1
    assert "was imported into DG4 before" in said
    assert run(jikao, "ledger", "1") == (0, "Item 1 was never reserved.\n")
    assert run(jikao, "ledger", "9999") == (1, "There is no item with the number 9999.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("grade",), "run jikao migrate"),
        (("serve",), "run jikao migrate"),
        (("backup", "--to", "x"), "run jikao migrate"),
    ],
)
def test_before_migrate_nothing_is_made(jikao: CliRunner, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    code, said = run(jikao, *arguments)
    assert code == 1
    assert sentence in " ".join(said.split())
    assert not (tmp_path / "data" / "jikao.db").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("setup", "--institution", "", "--code", "", "--login", ""), "needs a name and a code"),
        (("person", "add", "", "--name", "", "--role", "reviewer"), "needs a name"),
        (("person", "add", "x", "--name", "X", "--role", "king"), "no role is called king"),
        (("import", str(CONTENT / "items.xlsx"), "--bank", "NO", "--as", "bank"), "there is no bank 'NO'"),
        (("import", str(CONTENT / "items.xlsx"), "--bank", "NO", "--as", "admin"), "may not do this"),
        (("export", "1", "--to", "x.xlsx", "--as", "nobody"), "there is no account 'nobody'"),
    ],
)
def test_wrong_words_are_one_sentence(jikao: CliRunner, arguments: tuple[str, ...], sentence: str) -> None:
    for command in (("migrate",), SETUP, PEOPLE):
        assert run(jikao, *command)[0] == 0
    code, said = run(jikao, *arguments)
    assert code == 1
    assert sentence in " ".join(said.split())


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:1/nope", "mysql://x", "sqlite://", "foo"])
def test_a_database_that_cannot_be_used(jikao: CliRunner, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("JIKAO_DATABASE_URL", url)
    code, said = run(jikao, "migrate")
    assert code == 1
    assert "Traceback" not in said
    assert "JIKAO_DATABASE_URL" in said


def test_an_unknown_setting_is_named(jikao: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIKAO_PROT", "8000")
    code, said = run(jikao, "migrate")
    assert code == 1
    assert "Did you mean JIKAO_PORT?" in " ".join(said.split())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "many", "JIKAO_PORT: write a whole number, not 'many'"),
        ("PORT", "70000", "JIKAO_PORT: write 65535 or less, not '70000'"),
        ("SESSION_HOURS", "0", "JIKAO_SESSION_HOURS: write 1 or more, not '0'"),
        ("BEHIND_TLS", "perhaps", "JIKAO_BEHIND_TLS: write true or false, not 'perhaps'"),
        ("LANGUAGE", "fr", "JIKAO_LANGUAGE: write 'zh_CN' or 'en', not 'fr'"),
    ],
)
def test_an_odd_setting_says_what_to_write(
    jikao: CliRunner, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"JIKAO_{name}", value)
    assert run(jikao, "migrate") == (1, f"{sentence}\n")


def test_a_backup_goes_into_the_data_folder(jikao: CliRunner, tmp_path: Path) -> None:
    assert run(jikao, "migrate")[0] == 0
    assert run(jikao, "backup")[0] == 0
    assert [path.parent for path in tmp_path.rglob("manifest.json")] == list((tmp_path / "data" / "backups").glob("jikao-*"))


def test_a_careless_database_is_not_served(
    jikao: CliRunner, monkeypatch: pytest.MonkeyPatch, postgresql_server: str, postgresql_template: str
) -> None:
    url = postgresql.create_database(postgresql_server, "careless", postgresql_template)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER DATABASE careless SET synchronous_commit = off")
    engine.dispose()
    monkeypatch.setenv("JIKAO_DATABASE_URL", url)
    code, said = run(jikao, "serve")
    assert code == 1
    assert said == "PostgreSQL runs with synchronous_commit = off: an acknowledged answer could be lost; set it to on\n"
    postgresql.drop_database(postgresql_server, "careless")


def test_a_log_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    logs.configure("info")
    monkeypatch.setattr("sys.stderr", Full())
    try:
        structlog.get_logger().error("writer_failed", kind="storage")
    finally:
        structlog.reset_defaults()
