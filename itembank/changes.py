"""What changed between two versions of an item, field by field and character by character. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from itembank import markup
from itembank.items import ItemBody, ItemKeyData, letter

Kind = Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that is in both versions, only in the new one, or only in the old one."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs: ``kind``, ``stem``, ``options.2``, ``fixed_order``, ``key`` or ``rationale``.

    ``pieces`` read in order give the old text without what was added and the new text without what was removed. They may
    all be ``same`` where only formatting changed.
    """

    field: str
    pieces: tuple[Piece, ...]


def text_pieces(old: str, new: str) -> tuple[Piece, ...]:
    """The difference of two plain texts by character."""
    pieces: list[Piece] = []
    for _, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        before, after = old[old_from:old_to], new[new_from:new_to]
        if before == after:
            pieces.append(Piece("same", before))
            continue
        if before:
            pieces.append(Piece("removed", before))
        if after:
            pieces.append(Piece("added", after))
    return tuple(pieces)


def changes(old: ItemBody, new: ItemBody, old_key: ItemKeyData | None = None, new_key: ItemKeyData | None = None) -> list[Change]:
    """All fields that differ, in the order shown. Keys are compared only where both are given."""
    found = list(_body_changes(old, new))
    if old_key is not None and new_key is not None:
        found += _key_changes(old_key, new_key)
    return found


def _body_changes(old: ItemBody, new: ItemBody) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("kind", text_pieces(old.kind, new.kind))
    if old.stem_html != new.stem_html:
        yield Change("stem", _html_pieces(old.stem_html, new.stem_html))
    for before, after in zip_longest(old.options, new.options):
        old_html = before.html if before is not None else ""
        new_html = after.html if after is not None else ""
        if old_html != new_html:
            option = before or after
            yield Change(f"options.{option.id}", _html_pieces(old_html, new_html))
    if old.fixed_order != new.fixed_order:
        yield Change("fixed_order", text_pieces(str(old.fixed_order), str(new.fixed_order)))


def _key_changes(old: ItemKeyData, new: ItemKeyData) -> Iterator[Change]:
    if old.correct != new.correct:
        yield Change("key", text_pieces("".join(map(letter, old.correct)), "".join(map(letter, new.correct))))
    if old.rationale_html != new.rationale_html:
        yield Change("rationale", _html_pieces(old.rationale_html, new.rationale_html))


def _html_pieces(old: str, new: str) -> tuple[Piece, ...]:
    return text_pieces(markup.plain_text(old), markup.plain_text(new))
