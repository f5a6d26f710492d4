"""The command line: `jikao serve`, `demo`, `migrate`, `setup`, `import`, … and `jikao tls`."""

import functools
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from server import backup as backups
from server import commands, db, logs, migrations, pages, people, tls
from server.clock import SystemClock
from server.fitting_keys import open_keys
from server.settings import load
from server.terminal import complain, plainly, say, show
from server.tls_commands import app as tls_app

app = typer.Typer(
    name="jikao",
    help="Jikao 机考: papers from the item bank, exams in the browser, marking by machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
person_app = typer.Typer(help="People of the staff.", no_args_is_help=True)
app.add_typer(person_app, name="person")
app.add_typer(tls_app, name="tls")


class Installation:
    """What commands work on: settings, a migrated database, keys, the clock."""

    def __init__(self) -> None:
        self.settings = load()
        logs.configure(self.settings.log_level)
        migrations.must_be_current(self.settings.url)
        self.dbs = db.connect(self.settings.url)
        self.clock = SystemClock()
        self.keyring = open_keys(self.dbs, self.settings, self.clock.now())
        self.begin = functools.partial(db.transaction, self.dbs)

    def now(self) -> datetime:
        """The time of this installation."""
        return self.clock.now()


@app.command()
@plainly
def serve(
    workers: Annotated[int | None, typer.Option(min=1, help="Serving processes; more than one wants PostgreSQL.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate and chain (PEM): serve HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
) -> None:
    """Serve the product on JIKAO_HOST:JIKAO_PORT until a signal."""
    from server import serving
    from server import workers as processes

    settings = load(workers=workers, tls_cert=tls_cert, tls_key=tls_key)
    logs.configure(settings.log_level)
    migrations.must_be_current(settings.url, durable=True)
    if settings.tls_cert and settings.tls_key:
        due = tls.check(settings.tls_cert, settings.tls_key, SystemClock().now())
        if due:
            complain(due)
    if settings.workers == 1:
        from server.app import create_app

        serving.serve(create_app(settings), settings, ready=f"Jikao serves on {settings.origin}")
        return
    commands.check_many(settings, say)
    processes.run(settings, f"Jikao serves on {settings.origin} from {settings.workers} processes")


@app.command()
@plainly
def migrate() -> None:
    """Bring the database to the newest schema; makes an SQLite file that is not there yet."""
    settings = load()
    for line in migrations.upgrade(settings.url):
        say(line)
    dbs = db.connect(settings.url)
    open_keys(dbs, settings, SystemClock().now())
    dbs.dispose()


@app.command()
@plainly
def setup(
    institution: Annotated[str, typer.Option(help="Name of the institution, as printed on forms.")],
    code: Annotated[str, typer.Option(help="Its code.")],
    login: Annotated[str, typer.Option(help="Account of its first person, a system administrator.")],
) -> None:
    """Make the first institution and its first person; the password comes from JIKAO_PASSWORD or is asked for."""
    here = Installation()
    password = _password()
    with here.begin() as session:
        home = people.add_institution(session, code, institution, here.now())
        people.add_person(session, home, login, login, password, ["administrator"], here.now())
    say(f"{institution} ({code}) is set up; {login} can sign in. Add people with: jikao person add")


@person_app.command("add")
@plainly
def person_add(
    login: Annotated[str, typer.Argument(help="Account.")],
    name: Annotated[str, typer.Option(help="Name, as shown in records.")],
    role: Annotated[list[str], typer.Option(help="A role; give the option again for another.")],
    institution: Annotated[str, typer.Option(help="Code of the institution; needed when there are several.")] = "",
) -> None:
    """Add a person; the password comes from JIKAO_PASSWORD or is asked for."""
    here = Installation()
    password = _password()
    with here.begin() as session:
        home = people.find_institution(session, institution)
        people.add_person(session, home.id or 0, login, name, password, role, here.now())
    say(f"{login} can sign in.")


def _password() -> str:
    given = os.environ.get("JIKAO_PASSWORD")
    return given if given is not None else str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command("import")
@plainly
def import_(
    file: Annotated[
        Path, typer.Argument(help="XLSX, XLS, ODS, CSV, DOCX, TXT, QTI, Moodle XML, GIFT or Aiken.", exists=True, dir_okay=False)
    ],
    bank: Annotated[str, typer.Option(help="Code of the bank to import into, or of the bank to make for a syllabus.")],
    login: Annotated[str, typer.Option("--as", help="Account of the person who imports.")],
    syllabus: Annotated[bool, typer.Option("--syllabus", help="The file is a content table; makes the bank for it.")] = False,
    level: Annotated[int, typer.Option(min=1, max=5, help="With --syllabus: the level, 5 to 1.")] = 4,
    figures: Annotated[Path | None, typer.Option(help="Folder of the picture files the items name.")] = None,
    format_: Annotated[str, typer.Option("--format", help="Format, where the content does not tell it.")] = "",
    column: Annotated[list[str] | None, typer.Option(help="FIELD=HEADER for a column with another name.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of items that do not say theirs.")] = None,
    topic: Annotated[str | None, typer.Option(help="Leaf code for items that do not say theirs.")] = None,
    difficulty: Annotated[int | None, typer.Option(min=1, max=5, help="Difficulty of items that do not say theirs.")] = None,
    key_in_stem: Annotated[bool, typer.Option("--key-in-stem", help="The key stands in the stem, as in （C）.")] = False,
    good_rows: Annotated[bool, typer.Option("--good-rows", help="Take the good items and list the refused ones.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Say what would be stored, and store nothing.")] = False,
) -> None:
    """Read a file of items; every mistake with its place, and nothing stored unless all is well (or --good-rows).

    What is like another question is listed first. Items wait for a second person's approval in the browser.
    """
    from itembank.exchange.item_row import Reading
    from server import imports

    here = Installation()
    who = commands.person(here, login, "syllabus.import" if syllabus else "item.import")
    if syllabus:
        say(commands.import_syllabus(here, file, bank, level, who))
        return
    target = commands.find_bank(here, who, bank)
    how = Reading(mapping=imports.mapping(column or []), default_kind=kind, default_topic=topic, key_in_stem=key_in_stem)
    items = imports.ItemFile(file, how, figures, format_, difficulty)
    imports.bring_in(here, target, items, who, good_rows=good_rows, look=look)


@app.command()
@plainly
def assemble(
    blueprint: Annotated[int, typer.Argument(help="Number of the blueprint.")],
    login: Annotated[str, typer.Option("--as", help="Account of the bank manager.")],
    seed: Annotated[int | None, typer.Option(help="Seed; the same seed on the same bank gives the same forms.")] = None,
    forms: Annotated[int | None, typer.Option(help="How many; otherwise what the blueprint says.")] = None,
) -> None:
    """Make disjoint forms and reserve their items, or say which cell lacks how many."""
    import secrets

    from itembank import papers

    here = Installation()
    who = commands.person(here, login, "paper.make")
    chosen_seed = secrets.randbelow(2**31) if seed is None else seed
    made = papers.make_papers(here.begin, blueprint, seed=chosen_seed, now=here.now(), by=who.person_id, forms=forms)
    if isinstance(made, papers.Infeasible):
        for shortage in made.shortages:
            complain(commands.shortage_line(shortage))
        raise commands.CommandError("The bank cannot give these forms.")
    say(f"Paper set {made.paper_set_id}: {len(made.form_ids)} forms, seed {made.seed}.")


@app.command()
@plainly
def grade() -> None:
    """Mark every exam session that has ended and is not marked yet."""
    from server.grading import work

    here = Installation()
    marked = work.grade(here.dbs, here.keyring, here.clock)
    say(f"Marked: {', '.join(map(str, marked)) or 'nothing was waiting'}.")


@app.command()
@plainly
def export(
    number: Annotated[int, typer.Argument(help="Number of the exam session.")],
    to: Annotated[Path, typer.Option(help="The XLSX file to write.")],
    login: Annotated[str, typer.Option("--as", help="Account of the person who exports; it is audited.")],
) -> None:
    """Write the score summary (成绩汇总表) of an exam session as XLSX."""
    here = Installation()
    who = commands.person(here, login, "results.read")
    if to.exists():
        raise commands.CommandError(f"{to} exists already; nothing is overwritten.")
    to.write_bytes(commands.results_xlsx(here, number, who))
    say(f"Written: {to}")


@app.command()
@plainly
def backup(
    to: Annotated[
        Path | None, typer.Option(help="Folder of backups; a new one is made below it. Otherwise `backups` in the data folder.")
    ] = None,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="Copy the keys too; keep such a backup locked away.")] = False,
) -> None:
    """Copy the database while it serves, and check the copy."""
    settings = load()
    migrations.must_be_current(settings.url)
    say(f"Written: {backups.backup(settings, to or settings.backups, SystemClock().now(), with_keys=with_keys)}")


@app.command()
@plainly
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `jikao backup` wrote.", exists=True, file_okay=False)],
) -> None:
    """Put a backup back where nothing is yet; refuses a damaged one."""
    for line in backups.restore(load(), source):
        say(line)


@app.command()
@plainly
def ledger(item: Annotated[int, typer.Argument(help="Number of the item.")]) -> None:
    """Tell the story of an item's use: reserved, burned, released, by which form."""
    from rich.table import Table

    from itembank.errors import NotFound
    from itembank.tables import Item
    from server.bank import ledger_view

    here = Installation()
    pages.language.set("en")
    with db.reading(here.dbs) as session:
        if session.get(Item, item) is None:
            raise NotFound("item", item)
        story = ledger_view.story(session, item)
    if not story:
        say(f"Item {item} was never reserved.")
        return
    table = Table("when", "state", "what")
    for line in story:
        table.add_row(pages.beijing(line.at), line.state, line.text)
    show(table)


@app.command()
@plainly
def rehearse(
    seats: Annotated[int, typer.Option(min=1, max=10_000, help="How many candidates.")],
    minutes: Annotated[float, typer.Option(min=0.2, max=120, help="How long they work.")] = 5.0,
    url: Annotated[str, typer.Option(help="Address candidates will use; latency, clock and TLS are looked at there.")] = "",
    to: Annotated[Path | None, typer.Option(help="The PDF to write, for signatures.")] = None,
) -> None:
    """Rehearse an exam on this machine before exam day and print a pre-flight report that can be signed.

    The candidates work on a temporary database of their own: no item is used, nothing stays in the records. Refused while an
    exam session is open or due within the hour.
    """
    from server import rehearsal

    settings = load()
    logs.configure("error")
    migrations.must_be_current(settings.url)
    if to is not None and to.exists():
        raise commands.CommandError(f"{to} exists already; nothing is overwritten.")
    try:
        report = rehearsal.rehearse(settings, seats, minutes, url, SystemClock().now())
    except rehearsal.RehearsalError as error:
        raise commands.CommandError(str(error)) from None
    from rich.table import Table

    table = Table("项目 / item", "实测 / found", "判定 / verdict")
    for zh, en, value, verdict, _kind in report.rows():
        table.add_row(f"{zh}\n{en}", value, verdict)
    show(table)
    for sentence in report.results:
        say(sentence)
    if to is not None:
        to.write_bytes(report.pdf())
        say(f"Written: {to}")
    if not report.fit:
        raise typer.Exit(1)


@app.command()
@plainly
def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Forget the demo's data and start over.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Load the demo, serve it on 127.0.0.1 with ten simulated candidates, and say where to click."""
    from server.demo import run

    settings = load(port=port)
    logs.configure(settings.log_level)
    run.run(settings, reset=reset)


def main() -> None:
    """Entry point of `jikao`. What it writes is for its own user only."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
