"""Files of items on their way in: kept while they are read, one reading after another, until stored or given up.

A reading is a job in the child process; its result says what was understood. How to read (which column is what, defaults)
belongs to the upload and can be changed, which starts another reading.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col
from starlette.datastructures import UploadFile

from itembank.exchange.formats import FORMATS
from itembank.exchange.item_columns import HEADERS
from itembank.items import KINDS
from itembank.tables import Bank
from server.audit import trail
from server.auth.staff import Staff
from server.bank.tables import Upload
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.jobs import Job, Jobs
from server.pages import _

READ: Final = "bank.read_items"
STORE: Final = "bank.store_items"
FIELDS: Final = tuple(HEADERS)
_WITHOUT_BYTES: Final = (defer(Upload.data), defer(Upload.figures))  # type: ignore[arg-type]  # mapped columns


@dataclass(frozen=True)
class Progress:
    """Where an upload stands: its row and the job that is reading or storing it."""

    upload: Upload
    job: Job

    @property
    def running(self) -> bool:
        """Whether the child process still has work to do."""
        return self.job.state in {"queued", "running"}


def content(file: UploadFile | None, limit_mb: int, field: str) -> bytes:
    """The bytes of an uploaded file; empty when none was chosen. Raises `Invalid` when it is too large."""
    if file is None or not file.filename:
        return b""
    data = file.file.read(limit_mb * 1_000_000 + 1)
    if len(data) > limit_mb * 1_000_000:
        problem = FieldError(field, _("The file is larger than %(mb)s MB."), (("mb", limit_mb),))
        raise Invalid(fields=[problem])
    return data


@dataclass(frozen=True)
class Incoming:
    """An upload as it came: file name, bytes, a ZIP of figures (may be empty), how to read it."""

    name: str
    data: bytes
    figures: bytes
    options: dict[str, Any]


def begin(db: Session, jobs: Jobs, who: Staff, bank: Bank, incoming: Incoming, *, now: datetime) -> Upload:
    """Keep the file and queue its first reading; call `jobs.wake` after the commit."""
    if not incoming.data:
        raise Invalid(fields=[FieldError("file", _("Choose a file first."))])
    upload = Upload(
        institution_id=who.institution_id,
        bank_id=bank.id,
        purpose="items",
        name=incoming.name[:200],
        data=incoming.data,
        figures=incoming.figures or None,
        options=incoming.options,
        created_at=now,
        created_by=who.person_id,
    )
    db.add(upload)
    db.flush()
    detail = {"sha256": hashlib.sha256(incoming.data).hexdigest(), "bytes": len(incoming.data)}
    trail.append(db, who.actor, "items.uploaded", f"bank:{bank.id}", now=now, detail=detail)
    _queue(db, jobs, who, upload, READ, {})
    return upload


def read_again(db: Session, jobs: Jobs, who: Staff, upload: Upload, options: dict[str, Any]) -> None:
    """Change how the file is read and read it again."""
    _require_open(db, upload)
    upload.options = options
    _queue(db, jobs, who, upload, READ, {})


def store(db: Session, jobs: Jobs, who: Staff, upload: Upload, *, only_good: bool) -> None:
    """Queue the storing of what was read. `only_good` leaves refused rows out; without it one mistake refuses all."""
    _require_open(db, upload)
    result = latest_reading(db, upload)
    if not result.get("good"):
        raise Conflict(_("There is nothing in this file that could be stored."))
    if result.get("refused") and not only_good:
        raise Conflict(_("Mend the mistakes first, or say that the good rows are to be taken without the others."))
    _queue(db, jobs, who, upload, STORE, {"only_good": only_good})


def _require_open(db: Session, upload: Upload) -> None:
    if upload.closed:
        raise Conflict(_("This file has been stored or given up already."))
    if progress_of(db, upload).running:
        raise Conflict(_("The file is being read at the moment."))


def _queue(db: Session, jobs: Jobs, who: Staff, upload: Upload, kind: str, more: dict[str, Any]) -> None:
    upload.job_id = jobs.submit(db, kind, {"upload_id": upload.id, **more}, who.actor)
    db.add(upload)
    db.flush()


def get_upload(db: Session, bank: Bank, upload_id: int) -> Upload:
    """An upload into this bank, its bytes left in the database; raises `NotFound`."""
    statement = select(Upload).where(col(Upload.id) == upload_id).options(*_WITHOUT_BYTES)
    upload: Upload | None = db.execute(statement).scalar()
    if upload is None or upload.bank_id != bank.id:
        raise NotFound
    return upload


def progress_of(db: Session, upload: Upload) -> Progress:
    """The upload with its latest job, freshly read."""
    job = db.execute(select(Job).where(col(Job.id) == upload.job_id).execution_options(populate_existing=True)).scalar_one()
    return Progress(upload, job)


def cancel(db: Session, job: Job) -> None:
    """Ask the child process to stop; a job that has not begun ends at once."""
    db.execute(update(Job).where(col(Job.id) == job.id, col(Job.state) == "running").values(cancel=True))
    db.execute(update(Job).where(col(Job.id) == job.id, col(Job.state) == "queued").values(state="cancelled", cancel=True))


def give_up(db: Session, who: Staff, upload: Upload, *, now: datetime) -> None:
    """Forget the file."""
    if not upload.closed:
        cancel(db, progress_of(db, upload).job)
        upload.data, upload.figures, upload.closed = None, None, True
        db.add(upload)
        trail.append(db, who.actor, "items.upload_given_up", f"upload:{upload.id}", now=now)


def open_uploads(db: Session, bank: Bank) -> list[Progress]:
    """Uploads that wait for somebody to go on with them, newest first."""
    statement = (
        select(Upload, Job)
        .join(Job, col(Job.id) == col(Upload.job_id))
        .where(col(Upload.bank_id) == bank.id, col(Upload.closed).is_(False))
        .options(*_WITHOUT_BYTES)
        .order_by(col(Upload.id).desc())
        .limit(50)
    )
    return [Progress(upload, job) for upload, job in db.execute(statement)]


def read_options(values: dict[str, str], topics: set[str]) -> dict[str, Any]:
    """How to read the file, from the fields of its form; odd values are dropped."""
    mapping = {name: letter for name in FIELDS if (letter := values.get(f"column_{name}", "")).isalpha() and len(letter) <= 3}
    options: dict[str, Any] = {"mapping": {name: f"#{letter.upper()}" for name, letter in mapping.items()}}
    if values.get("sheet"):
        options["sheet"] = values["sheet"][:100]
    if values.get("format") in FORMATS:
        options["format"] = values["format"]
    if values.get("default_kind") in {*KINDS, "by_key"}:
        options["default_kind"] = values["default_kind"]
    if values.get("default_topic") in topics:
        options["default_topic"] = values["default_topic"]
    if values.get("default_difficulty") in {"1", "2", "3", "4", "5"}:
        options["default_difficulty"] = int(values["default_difficulty"])
    for name in ("key_in_stem", "letters_meant", "allow_one_correct"):
        options[name] = values.get(name) == "1"
    return options


def latest_reading(db: Session, upload: Upload) -> dict[str, Any]:
    """What the last finished reading of this upload found, also while or after it is stored."""
    statement = select(Job).where(
        col(Job.institution_id) == upload.institution_id, col(Job.kind) == READ, col(Job.state) == "done"
    )
    for job in db.execute(statement.order_by(col(Job.id).desc()).limit(100)).scalars():
        if job.args.get("upload_id") == upload.id:
            return job.result or {}
    return {}
