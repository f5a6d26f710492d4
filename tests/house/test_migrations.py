"""The migrations make exactly the schema the code describes, on both databases, and nothing serves an older one."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from server import alltables, migrations
from server.db import Databases
from server.migrations import MigrationError


def test_migrations_and_tables_agree(dbs: Databases) -> None:
    with dbs.read.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, alltables.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    assert migrations.upgrade(database_url) == [f"The database is at the newest schema ({migrations.newest()})."]
    migrations.must_be_current(database_url)


def test_the_revisions_are_what_alembic_says(dbs: Databases, tmp_path: Path) -> None:
    """Serving reads them without Alembic, which takes long to load."""
    config = Config()
    config.set_main_option("script_location", str(migrations.VERSIONS.parent))
    scripts = ScriptDirectory.from_config(config)
    assert migrations.newest() == scripts.get_current_head()
    never = create_engine(f"sqlite:///{tmp_path / 'never.db'}")
    for engine in (dbs.read, never):
        with engine.connect() as connection:
            assert migrations.revision_of(connection) == MigrationContext.configure(connection).get_current_revision()
    never.dispose()


def test_a_revision_that_alembic_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.VERSIONS.parent))
    config.set_main_option("version_locations", f"{migrations.VERSIONS} {tmp_path}")
    config.set_main_option("path_separator", "space")
    revision = ScriptDirectory.from_config(config).generate_revision("9999", "next", version_path=str(tmp_path))
    assert revision is not None
    for path in migrations.VERSIONS.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(migrations, "VERSIONS", tmp_path)
    assert migrations.newest() == "9999"


def test_an_empty_database_is_not_served(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    create_engine(url).connect().close()
    with pytest.raises(MigrationError, match="jikao migrate"):
        migrations.must_be_current(url)


def test_hot_tables_carry_the_exam_session_first() -> None:
    hot = {"sitting", "journal_event", "quarantined_operation", "entry", "result", "item_mark"}
    for name in hot:
        table = alltables.metadata.tables[name]
        assert next(iter(table.primary_key)).name == "exam_session_id", name
        for constraint in table.constraints:
            columns = [column.name for column in getattr(constraint, "columns", [])]
            if type(constraint).__name__ == "UniqueConstraint":
                assert columns[0] == "exam_session_id", name
