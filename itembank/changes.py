"""What changed between two versions of an item, field by field and character by character. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from itembank import markup
from itembank.items import ItemBody, ItemKeyData, Option, kind_of, letter

Kind = Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that is in both versions, only in the new one, or only in the old one."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs.

    Of the body ``kind``, ``stimulus``, ``stem``, ``prompts.1``, ``options.2``, ``unit``, ``fixed_order``; of the key ``key``,
    ``accepted.1`` (blank 1), ``number``, ``tolerance``, ``units``, ``rationale``; of pairs ``matches.1`` (of line 1) and
    ``extras.1``, of sequences ``steps.1``.
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
    """All fields that differ, in the order shown. Keys are compared only where both are given.

    Pairs and sequences are then compared as they belong together: their options are numbered afresh with every version.
    """
    if old_key is None or new_key is None:
        return list(_body_changes(old, new, options=True))
    together = old.kind == new.kind and kind_of(new.kind).keeps_order
    found = list(_body_changes(old, new, options=not together))
    if together:
        found += _together(new.kind, _in_key_order(old, old_key), _in_key_order(new, new_key))
    return found + list(_key_changes(old_key, new_key, correct=not together))


def _in_key_order(body: ItemBody, key: ItemKeyData) -> tuple[list[str], list[str]]:
    """The options the key names, in its order, and the others."""
    texts = {option.id: option.html for option in body.options}
    return [texts.pop(number, "") for number in key.correct], sorted(texts.values())


def _together(kind: str, old: tuple[list[str], list[str]], new: tuple[list[str], list[str]]) -> Iterator[Change]:
    for field, before, after in zip(("steps" if kind == "ordering" else "matches", "extras"), old, new, strict=True):
        for n, (old_html, new_html) in enumerate(zip_longest(before, after, fillvalue=""), 1):
            if old_html != new_html:
                yield Change(f"{field}.{n}", _html_pieces(old_html, new_html))


def _body_changes(old: ItemBody, new: ItemBody, *, options: bool) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("kind", text_pieces(old.kind, new.kind))
    if old.stimulus_html != new.stimulus_html:
        yield Change("stimulus", _html_pieces(old.stimulus_html, new.stimulus_html))
    if old.stem_html != new.stem_html:
        yield Change("stem", _html_pieces(old.stem_html, new.stem_html))
    yield from _listed("prompts", old.prompts, new.prompts)
    if options:
        yield from _listed("options", old.options, new.options)
    if old.unit != new.unit:
        yield Change("unit", text_pieces(old.unit, new.unit))
    if old.fixed_order != new.fixed_order:
        yield Change("fixed_order", text_pieces(str(old.fixed_order), str(new.fixed_order)))


def _listed(field: str, old: Sequence[Option], new: Sequence[Option]) -> Iterator[Change]:
    for n, (before, after) in enumerate(zip_longest(old, new), 1):
        old_html = before.html if before is not None else ""
        new_html = after.html if after is not None else ""
        if old_html != new_html:
            yield Change(f"{field}.{n}", _html_pieces(old_html, new_html))


def _key_changes(old: ItemKeyData, new: ItemKeyData, *, correct: bool) -> Iterator[Change]:
    if correct and old.correct != new.correct:
        yield Change("key", text_pieces("".join(map(letter, old.correct)), "".join(map(letter, new.correct))))
    for n, (before, after) in enumerate(zip_longest(old.accepted, new.accepted, fillvalue=()), 1):
        if before != after:
            yield Change(f"accepted.{n}", text_pieces(" / ".join(before), " / ".join(after)))
    for field in ("number", "tolerance"):
        if getattr(old, field) != getattr(new, field):
            yield Change(field, text_pieces(getattr(old, field), getattr(new, field)))
    if old.units != new.units:
        yield Change("units", text_pieces(" / ".join(old.units), " / ".join(new.units)))
    if old.rationale_html != new.rationale_html:
        yield Change("rationale", _html_pieces(old.rationale_html, new.rationale_html))


def _html_pieces(old: str, new: str) -> tuple[Piece, ...]:
    return text_pieces(markup.plain_text(old), markup.plain_text(new))
