"""A database of an earlier release is upgraded with its data: what was there stays, and new rules start from sensible values."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from server import migrations
from server.db import make_engine
from tests import postgresql

BEFORE = "0009"
"""The revision before experts, custodians and reserve sets."""
AT = "2026-11-01 00:00:00+00:00"
ROWS = (
    "INSERT INTO syllabus (id, institution_id, occupation_code, occupation_name, level, version, title, created_at, created_by)"
    f" VALUES (1, 1, '6', '电工', 4, 1, 't', '{AT}', 1)",
    "INSERT INTO topic (id, syllabus_id, code, name, depth, position, is_leaf) VALUES (1, 1, 'A', 'a', 1, 1, true)",
    *(
        "INSERT INTO bank (id, institution_id, code, name, provenance, policy, cap, cooling_months, syllabus_id, occupation_code,"
        f" occupation_name, level, created_at, created_by) VALUES ({n}, 1, 'B{n}', 'b', '{who}', 'once', 1, 0, 1, '6', '电工', 4,"
        f" '{AT}', 1)"
        for n, who in ((1, "self_built"), (2, "province"))
    ),
    f"INSERT INTO blueprint (id, bank_id, name, body, digest, created_at, created_by) VALUES (1, 1, 'p', '{{}}', 'd', '{AT}', 1)",
    "INSERT INTO paper_set (id, institution_id, bank_id, blueprint_id, title, seed, bank_digest, blueprint_digest, objective,"
    f" bound, made_at, made_by) VALUES (1, 1, 1, 1, 's', 1, 'b', 'd', 0, 0, '{AT}', 1)",
    "INSERT INTO form (id, paper_set_id, label, state) VALUES (1, 1, 'A', 'composed'), (2, 1, 'B', 'sealed')",
    f"INSERT INTO family (id, bank_id, created_at) VALUES (1, 1, '{AT}')",
    "INSERT INTO item (id, bank_id, family_id, topic_id, state, author_id, current_version, created_at)"
    f" VALUES (1, 1, 1, 1, 'approved', 1, 1, '{AT}')",
    *(
        "INSERT INTO item_version (id, item_id, version, kind, body, plain, normal_digest, difficulty, source_clause, created_at,"
        f" created_by) VALUES ({n}, 1, {n}, 'single', '{{}}', 'x', 'n{n}', 3, '', '{AT}', 1)"
        for n in (1, 2)
    ),
    *(
        "INSERT INTO form_slot (form_id, slot, item_version_id, item_id, family_id, section, marks, topic_id)"
        f" VALUES ({form}, 1, 1, 1, 1, 1, 100, 1)"
        for form in (1, 2)
    ),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the earlier release with a set in it."""
    server, name = "", f"older_{request.param}"
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'older.db'}"
    else:
        server = request.getfixturevalue("postgresql_server")
        url = postgresql.create_database(server, name)
    engine = make_engine(url)
    with engine.begin() as connection:
        command.upgrade(migrations._config(connection), BEFORE)
        for row in ROWS:
            connection.execute(text(row))
    engine.dispose()
    yield url
    if server:
        postgresql.drop_database(server, name)


def refused(engine: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_papers_of_an_earlier_release_go_on(older: str) -> None:
    migrations.upgrade(older)
    engine = make_engine(older)
    with engine.begin() as connection:
        needed = connection.execute(text("SELECT experts_needed FROM bank ORDER BY id")).scalars().all()
        assert needed == [2, 0], "experts for what is self-built"
        slots = connection.execute(text("SELECT form_id, item_version_id, marks, topic_id FROM form_slot ORDER BY form_id")).all()
        assert slots == [(1, 1, 100, 1), (2, 1, 100, 1)]
        connection.execute(text("UPDATE form_slot SET item_version_id = 2 WHERE form_id = 1"))
        connection.execute(text("UPDATE form SET state = 'filed' WHERE id = 2"))
        connection.execute(text("UPDATE form SET digest = 'd' WHERE id = 2"))
    refused(engine, "UPDATE form_slot SET item_version_id = 2 WHERE form_id = 2")
    refused(engine, "UPDATE form SET digest = 'e' WHERE id = 2")
    engine.dispose()
