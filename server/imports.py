"""`jikao import` for items: any format, every mistake with its place, likenesses before anything is stored, a staged batch."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from itembank import intake
from itembank.errors import TooMuchAlike
from itembank.exchange.figures import Figure
from itembank.exchange.files import FileOfItems
from itembank.exchange.formats import FORMATS
from itembank.exchange.item_columns import HEADERS
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.mistakes import RowError
from itembank.items import KINDS
from itembank.pool import find_same
from itembank.tables import Bank, BatchState, ImportBatch
from server.audit import trail
from server.auth.staff import Staff
from server.bank.file_reading import leaf_codes, near_rows, read_apart, too_much_alike, without_twins
from server.commands import CommandError, Here, mistake_line
from server.db import reading, transaction
from server.terminal import complain, say


@dataclass(frozen=True)
class Understood:
    """A file against its bank. `near`: what is like something else, as `file_reading.near_rows` tells it."""

    format: str
    items: list[ImportedItem]
    figures: dict[str, Figure]
    refused: list[RowError]
    notes: list[RowError]
    near: list[dict[str, Any]]

    @property
    def refused_rows(self) -> int:
        """How many rows have mistakes."""
        return len({mistake.row for mistake in self.refused})


@dataclass(frozen=True)
class ItemFile:
    """A file of items and how to read it. `figures`: a folder of pictures."""

    path: Path
    how: Reading
    figures: Path | None = None
    format: str = ""
    default_difficulty: int | None = None

    def understand(self, here: Here, bank: Bank) -> Understood:
        """Read it, apart from this process, and compare it with the bank."""
        with reading(here.dbs) as db:
            how = replace(self.how, topics=leaf_codes(db, bank.syllabus_id))
        read = read_apart(self._given(how))
        with reading(here.dbs) as db:
            there = find_same(db, bank, (item.digest.hex() for item in read.found.items))
        items, refused = without_twins(read.found, there)
        near: list[dict[str, Any]] = []
        try:
            near = near_rows(here.dbs, bank, _scope(here, bank), items)
        except TooMuchAlike as refusal:
            items, refused = [], [too_much_alike(refusal), *refused]
        return Understood(read.format, items, dict(read.found.figures), refused, list(read.found.notes), near)

    def _given(self, how: Reading) -> FileOfItems:
        if how.default_kind not in (None, "by_key", *KINDS):
            raise CommandError(f"no kind is called {how.default_kind}; there are: {', '.join(KINDS)}, by_key")
        if self.format and self.format not in FORMATS:
            raise CommandError(f"no format is called {self.format}; there are: {', '.join(FORMATS)}")
        if self.figures is not None and not self.figures.is_dir():
            raise CommandError(f"{self.figures} is not a folder of pictures")
        files = [path for path in sorted(self.figures.iterdir()) if path.is_file()] if self.figures else []
        figures = {path.name: path.read_bytes() for path in files}
        return FileOfItems(self.path.name, self.path.read_bytes(), figures, self.format, how, self.default_difficulty)


def _scope(here: Here, bank: Bank) -> Any:
    from itembank.near import Scope  # numpy

    scope = Scope()
    with reading(here.dbs) as db:
        scope.refresh(db, bank)
    return scope


def bring_in(here: Here, bank: Bank, file: ItemFile, who: Staff, *, good_rows: bool, look: bool) -> None:
    """Say what was found, and stage it unless something is wrong (and `good_rows` is not said) or only a `look` is wanted."""
    found = file.understand(here, bank)
    for line in [*map(mistake_line, [*found.refused, *found.notes]), *map(near_line, found.near)]:
        complain(line)
    if found.refused and not (good_rows and found.items):
        raise CommandError(
            f"Nothing was stored: {found.refused_rows} rows need mending, {len(found.items)} are good. "
            "Mend them, or take the good ones by --good-rows."
        )
    if look:
        say(f"{len(found.items)} items ({found.format}) could be stored, {len(found.near)} likenesses; nothing was.")
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("import", total=len(found.items))
        batch = stage(here, bank, found, file.path, who, lambda done, total: bar.update(task, completed=done))
    say(f"{len(found.items)} items wait as batch {batch}, {found.refused_rows} rows were refused.")
    say("A second person approves the batch in the browser.")


def mapping(pairs: list[str]) -> dict[str, str]:
    """`FIELD=HEADER` options as a mapping."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise CommandError(f"--column wants FIELD=HEADER, not '{wrong[0]}'")
    found = dict(pair.split("=", 1) for pair in pairs)
    unknown = sorted(set(found) - set(HEADERS))
    if unknown:
        raise CommandError(f"no field is called {', '.join(unknown)}; there are: {', '.join(HEADERS)}")
    return found


def near_line(near: dict[str, Any]) -> str:
    """One likeness as a line."""
    other = f"row {near['other_row']}" if "other_row" in near else f"item {near['item_id']} of the bank"
    only = ", only numbers, units or a negation differ" if near["variant"] else ""
    return f"row {near['row']}: like {other} ({near['score']:.2f}{only}) [{near['stem']}]"


def stage(here: Here, bank: Bank, found: Understood, path: Path, who: Staff, progress: Callable[[int, int], None]) -> int:
    """Store good items as a batch that waits for a second person; its number."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if _imported_before(here, bank, digest):
        raise CommandError(f"{path.name} was imported into {bank.code} before; nothing was stored")
    source = intake.Source(path.name, digest, who.person_id, here.now())
    used = {media for item in found.items for media in item.body.media}
    figures = {media: figure for media, figure in found.figures.items() if media in used}
    batch = intake.stage_import(
        lambda: transaction(here.dbs), here.keyring, bank.id, found.items, figures, source, progress=progress
    )
    with transaction(here.dbs) as db:
        detail = {"bank": bank.id, "items": len(found.items), "format": found.format}
        trail.append(db, who.actor, "items.imported", f"batch:{batch}", now=here.now(), detail=detail)
    return batch


def _imported_before(here: Here, bank: Bank, digest: str) -> bool:
    kept = (BatchState.STAGED, BatchState.APPROVED, BatchState.PUBLISHED)
    with reading(here.dbs) as db:
        same = select(ImportBatch.id).where(ImportBatch.bank_id == bank.id, ImportBatch.source_digest == digest)
        return db.exec(same.where(col(ImportBatch.state).in_(kept))).first() is not None
