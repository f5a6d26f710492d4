"""Figures: taken in by upload, stored under their digest, shown to staff only, and only where they belong."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, select

from itembank.exchange.figures import Figure, read_figure
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

if TYPE_CHECKING:
    from lxml import etree

LARGEST: Final = 2_000_000
_FORBIDDEN: Final = frozenset({"script", "foreignObject", "iframe", "object", "embed", "audio", "video", "handler", "listener"})


def svg_is_plain(data: bytes) -> bool:
    """Whether an SVG draws and does nothing else: no scripts, no event handlers, nothing fetched from elsewhere."""
    from lxml import etree  # with the first SVG, not at start-up

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return root.getroottree().docinfo.internalDTD is None and all(_element_is_plain(element) for element in root.iter())


def _element_is_plain(element: "etree._Element") -> bool:
    from lxml import etree

    if not isinstance(element.tag, str):
        return element.tag is etree.Comment
    if etree.QName(element).localname in _FORBIDDEN:
        return False
    for name, value in element.attrib.items():
        local, text = etree.QName(name).localname.lower(), str(value).strip().lower()
        if local.startswith("on") or "javascript:" in text:
            return False
        if local in {"href", "src"} and not text.startswith(("#", "data:image/png", "data:image/jpeg")):
            return False
        if "url(" in text and "url(#" not in text.replace(" ", "").replace("'", "").replace('"', ""):
            return False
    content = (element.text or "").lower()
    return not (etree.QName(element).localname == "style" and ("@import" in content or "url(" in content))


def read_safe_figure(data: bytes) -> Figure | None:
    """The figure, or None where it is no SVG, PNG, JPEG, GIF or WebP, too large, or an SVG that does more than draw."""
    figure = read_figure(data) if len(data) <= LARGEST else None
    if figure is None or (figure.type == "image/svg+xml" and not svg_is_plain(data)):
        return None
    return figure


def take(db: Session, who: Staff, data: bytes, *, now: datetime) -> Figure:
    """Store an uploaded figure. Raises `Invalid` for one that cannot be shown safely."""
    figure = read_safe_figure(data)
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
