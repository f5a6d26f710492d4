"""What leaves a sealed form for a browser: the public package. This file does not know that keys exist.

A form's content is frozen once, at sealing, as canonical JSON; from then on packages are opened from the sealed blob and
never rebuilt from tables. `digest` names what is asked: time, sections and questions in slot order, not the form's label.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from itembank import sealing
from itembank.blueprint import BlueprintBody
from itembank.errors import ItemBankError, NotFound, msg
from itembank.items import ItemBody, PublicItem, public_view, section_name_zh
from itembank.tables import Form, FormSlot, ItemVersion, Media

_BATCH: Final = 500


class NotSealed(ItemBankError):
    """The form has no sealed content yet."""

    def __init__(self, form_id: int) -> None:
        super().__init__(msg("Form %(form_id)s is not sealed.", form_id=form_id))
        self.form_id = form_id


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicSection(_Frozen):
    """A part of the paper; `count` items follow one another in slot order."""

    kind: str
    title_zh: str
    count: int
    marks_each: int


class PublicSlot(PublicItem):
    """One question as a candidate sees it. `marks` in hundredths.

    Slots with the same `stimulus` hang on one text (`stimulus_html`) and stand together, in slot order.
    """

    slot: int
    marks: int


class PublicMedia(_Frozen):
    """A figure, inside the package."""

    type: str
    data_base64: str


class PublicPackage(_Frozen):
    """A whole form without keys: no field could hold one."""

    form_id: int
    label: str
    title: str
    duration_ms: int
    total_marks: int
    sections: tuple[PublicSection, ...]
    items: tuple[PublicSlot, ...]
    media: dict[str, PublicMedia]
    digest: str


def public_package(db: Session, form_id: int, keyring: sealing.Keyring) -> PublicPackage:
    """Open a sealed form. Raises `NotFound`, `NotSealed`, `sealing.Tampered`."""
    form = get_form(db, form_id)
    if form.sealed is None or form.digest is None:
        raise NotSealed(form_id)
    opened = sealing.open_envelope(keyring, sealing.PAPER, form.sealed, aad_of(form, form.digest))
    return PublicPackage.model_validate_json(opened)


def compose(
    form: Form, title: str, body: BlueprintBody, slots: Sequence[tuple[FormSlot, ItemVersion]], media: Mapping[str, Media]
) -> PublicPackage:
    """The package to seal, from slots in order. Pure."""
    sections = tuple(
        PublicSection(kind=s.kind, title_zh=section_name_zh(s.kind), count=s.count, marks_each=s.marks_each)
        for s in body.sections
    )
    items = tuple(
        PublicSlot(slot=slot.slot, marks=slot.marks, **dict(public_view(ItemBody.model_validate(version.body))))
        for slot, version in slots
    )
    figures = {
        digest: PublicMedia(type=one.type, data_base64=base64.b64encode(one.data).decode())
        for digest, one in sorted(media.items())
    }
    asked: dict[str, Any] = {
        "duration_ms": body.duration_ms,
        "sections": [section.model_dump(mode="json") for section in sections],
        "items": [item.model_dump(mode="json") for item in items],
    }
    return PublicPackage(
        form_id=form.id,
        label=form.label,
        title=title,
        duration_ms=body.duration_ms,
        total_marks=body.total_marks,
        sections=sections,
        items=items,
        media=figures,
        digest=sealing.digest(asked),
    )


def aad_of(form: Form, digest: str) -> bytes:
    """What binds a blob to its form: it opens in no other row, and not after the digest was changed."""
    return f"form:{form.id}:{form.label}:{digest}".encode()


def get_form(db: Session, form_id: int) -> Form:
    """The form; raises `NotFound`."""
    without_keys = defer(Form.sealed_keys)  # type: ignore[arg-type]  # a column, not a value
    form = db.get(Form, form_id, options=[without_keys])
    if form is None:
        raise NotFound("form", form_id)
    return form


def load_slots(db: Session, form_id: int) -> list[tuple[FormSlot, ItemVersion]]:
    """The slots of a form in order, each with the version it asks."""
    statement = (
        select(FormSlot, ItemVersion)
        .join(ItemVersion, col(ItemVersion.id) == col(FormSlot.item_version_id))
        .where(FormSlot.form_id == form_id)
        .order_by(col(FormSlot.slot))
    )
    return [(slot, version) for slot, version in db.exec(statement)]


def load_media(db: Session, digests: frozenset[str]) -> dict[str, Media]:
    """Figures by digest. Raises `NotFound` for one that is not stored."""
    wanted, found = sorted(digests), dict[str, Media]()
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        found.update({one.digest: one for one in db.exec(select(Media).where(col(Media.digest).in_(batch)))})
    for digest in wanted:
        if digest not in found:
            raise NotFound("figure", digest)
    return found
