"""Figures: taken in by upload, stored under their digest, shown to staff only, and only where they belong."""

from datetime import datetime

from sqlmodel import Session, select

from itembank.exchange import safe_figures
from itembank.exchange.figures import Figure
from itembank.items import ItemBody
from itembank.lifecycle import add_media
from itembank.markup import media_of
from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Bank, Item, ItemVersion, Media
from server.auth.staff import Staff
from server.bank import reach
from server.bank.tables import FigureUpload
from server.errors import FieldError, Invalid, NotFound
from server.pages import _

LARGEST = safe_figures.LARGEST


def take(db: Session, who: Staff, data: bytes, *, now: datetime) -> Figure:
    """Store an uploaded figure. Raises `Invalid` for one that cannot be shown safely."""
    figure = safe_figures.read_safe_figure(data)
    if figure is None:
        message = _(
            "The figure is not a plain SVG, PNG, JPEG, GIF or WebP of at most 2 MB. An SVG must not contain scripts or links."
        )
        raise Invalid(fields=[FieldError("figure", message)])
    add_media(db, figure.digest, figure.type, figure.data, now=now)
    known = select(FigureUpload.id).where(FigureUpload.institution_id == who.institution_id, FigureUpload.digest == figure.digest)
    if db.exec(known).first() is None:
        upload = FigureUpload(institution_id=who.institution_id, digest=figure.digest, uploaded_at=now, uploaded_by=who.person_id)
        db.add(upload)
        db.flush()
    return figure


def get_figure(db: Session, who: Staff, digest: str, item_id: int | None, case_id: int | None = None) -> Media:
    """The figure, if this person's institution uploaded it or the item or set that shows it is theirs; else `NotFound`."""
    media = db.get(Media, digest)
    seen = _uploaded_here(db, who, digest) or _shown_by(db, who, digest, item_id) or _shown_by_case(db, who, digest, case_id)
    if media is None or not seen:
        raise NotFound
    return media


def _uploaded_here(db: Session, who: Staff, digest: str) -> bool:
    known = select(FigureUpload.id).where(FigureUpload.institution_id == who.institution_id, FigureUpload.digest == digest)
    return db.exec(known).first() is not None


def _is_theirs(who: Staff, bank: Bank) -> bool:
    return bank.institution_id == who.institution_id


def _shown_by(db: Session, who: Staff, digest: str, item_id: int | None) -> bool:
    item = db.get(Item, item_id) if item_id is not None else None
    bank = db.get(Bank, item.bank_id) if item else None
    if item is None or bank is None or not _is_theirs(who, bank) or not reach.sees(db, who, bank, item.id):
        return False
    bodies = db.exec(select(ItemVersion.body).where(ItemVersion.item_id == item.id)).all()
    return any(digest in ItemBody.model_validate(body).media for body in bodies)


def _shown_by_case(db: Session, who: Staff, digest: str, case_id: int | None) -> bool:
    case = db.get(Stimulus, case_id) if case_id is not None else None
    bank = db.get(Bank, case.bank_id) if case else None
    if case is None or bank is None or not _is_theirs(who, bank) or not reach.sees_case(db, who, bank, case.id):
        return False
    texts = db.exec(select(StimulusVersion.html).where(StimulusVersion.stimulus_id == case.id)).all()
    return any(digest in media_of(text) for text in texts)
