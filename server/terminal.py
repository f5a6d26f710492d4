"""How commands speak: one line each, and expected refusals as one sentence with exit code 1."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer
from sqlalchemy.exc import ArgumentError, DatabaseError

from server import backup, commands, db, migrations, people, tls
from server.keyring import KeyringError
from server.settings import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

P = ParamSpec("P")
R = TypeVar("R")


def say(text: str) -> None:
    """One line, however narrow the terminal."""
    typer.echo(text)


def complain(text: str) -> None:
    """One line about what went wrong."""
    typer.secho(text, err=True, fg="red", bold=True)


def show(table: "Table") -> None:
    """A table as wide as the terminal."""
    from rich.console import Console  # loaded by those who draw, not by a server that must be back soon

    Console().print(table)


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Expected refusals are one sentence and exit code 1, never a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from itembank.errors import ItemBankError
        from server.errors import AppError
        from server.serving import PortTaken
        from server.workers import WorkersError

        expected = (
            commands.CommandError,
            SettingsError,
            KeyringError,
            backup.BackupError,
            people.SetUpError,
            db.NotDurable,
            PortTaken,
            WorkersError,
            tls.TlsError,
            ItemBankError,
            AppError,
            migrations.MigrationError,
            OSError,
        )
        unreachable = (DatabaseError, ArgumentError, ValueError)
        try:
            return command(*args, **kwargs)
        except expected as error:
            message = error.message % error.params if isinstance(error, AppError) else str(error)
            complain(message)
            raise typer.Exit(1) from None
        except unreachable as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            complain(f"The database cannot be used: {reason}")
            complain("Look at JIKAO_DATABASE_URL and JIKAO_DATA_DIR.")
            raise typer.Exit(1) from None

    return run
