"""Triggers that make a table append-only, on SQLite and PostgreSQL.

Used by revisions with a literal table name and column list; `missing` lets a test and the start-up check that no
migration has dropped them (Alembic's batch mode on SQLite rebuilds tables and drops triggers).
"""

from sqlalchemy import JSON, Connection, inspect, text


def create(connection: Connection, table: str, may_change: tuple[str, ...], free: tuple[str, ...] = ()) -> None:
    """Refuse deletes, and updates of any column but `may_change` (those only once, from NULL) and `free` (as often as wanted)."""
    is_sqlite = connection.dialect.name == "sqlite"
    sides = []
    for column in inspect(connection).get_columns(table):
        name = column["name"]
        if name in free:
            continue
        cast = "::text" if isinstance(column["type"], JSON) and not is_sqlite else ""
        differs = f'NEW."{name}"{cast} {"IS NOT" if is_sqlite else "IS DISTINCT FROM"} OLD."{name}"{cast}'
        sides.append(f'(OLD."{name}" IS NOT NULL AND {differs})' if name in may_change else differs)
    (_sqlite if is_sqlite else _postgresql)(connection, table, " OR ".join(sides))


def drop(connection: Connection, table: str) -> None:
    """Take the triggers off, for a revision that adds a column (make them again: they name every column) or fills it."""
    place = "" if connection.dialect.name == "sqlite" else f' ON "{table}"'
    for name in ("no_update", "no_delete", "no_truncate"):
        connection.execute(text(f'DROP TRIGGER IF EXISTS "{table}_{name}"{place}'))


def create_slots(connection: Connection) -> None:
    """Those of `form_slot`: which question a slot asks may change while its form is composed, and only then.

    A revision that adds a column to the table makes these again, not the usual ones.
    """
    fixed = ("form_id", "slot", "section", "marks")
    state = '(SELECT "state" FROM "form" WHERE "id" = OLD."form_id")'
    if connection.dialect.name == "sqlite":
        moved = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in fixed)
        _sqlite(connection, "form_slot", f"{moved} OR {state} IS NOT 'composed'")
        return
    moved = " OR ".join(f'NEW."{name}" IS DISTINCT FROM OLD."{name}"' for name in fixed)
    _postgresql(connection, "form_slot", "false")
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION refuse_change_of_slot() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {moved} OR {state} IS DISTINCT FROM 'composed' "
            "THEN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF; RETURN NEW; END $$"
        )
    )
    connection.execute(text('DROP TRIGGER "form_slot_no_update" ON "form_slot"'))
    connection.execute(
        text(
            'CREATE TRIGGER "form_slot_no_update" BEFORE UPDATE ON "form_slot" FOR EACH ROW '
            "EXECUTE FUNCTION refuse_change_of_slot()"
        )
    )


def missing(connection: Connection, tables: dict[str, tuple[str, ...]]) -> list[str]:
    """Which of `tables` lack their triggers."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
    else:
        found = connection.execute(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")).scalars()
    names = set(found)
    return [table for table in tables if not {f"{table}_no_update", f"{table}_no_delete"} <= names]


def _sqlite(connection: Connection, table: str, condition: str) -> None:
    connection.execute(
        text(
            f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" WHEN {condition} '
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    )
    connection.execute(
        text(
            f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" '
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    )


def _postgresql(connection: Connection, table: str, condition: str) -> None:
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    )
    connection.execute(
        text(
            f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" FOR EACH ROW WHEN ({condition}) '
            "EXECUTE FUNCTION refuse_change()"
        )
    )
    connection.execute(
        text(f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" FOR EACH ROW EXECUTE FUNCTION refuse_change()')
    )
    connection.execute(
        text(
            f'CREATE TRIGGER "{table}_no_truncate" BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT '
            "EXECUTE FUNCTION refuse_change()"
        )
    )
