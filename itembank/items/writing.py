"""Bodies and keys from what authors write: sanitised, numbered, blanks counted. Not yet checked: see `checks`. Pure."""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence

from itembank import markup
from itembank.items.forms import unit_form
from itembank.items.kinds import kind_of
from itembank.items.models import ItemBody, ItemKeyData, Option


def option_ids(kind: str, stem: str, options: Sequence[str]) -> tuple[int, ...]:
    """The id each option gets in `write_body`, in the order written: what a key written by position has to be turned into.

    Choice: 1, 2, 3 … Ordering and matching: in an order drawn by the digest of stem and text, because writers put these
    options down in the right order, and the ids travel with the paper. Raises `UnknownKind`.
    """
    if not kind_of(kind).keeps_order:
        return tuple(range(1, len(options) + 1))
    place = {position: n for n, position in enumerate(drawn(markup.sanitise(stem), list(map(markup.sanitise, options))), 1)}
    return tuple(place[position] for position in range(len(options)))


def drawn(stem_html: str, texts: Sequence[str]) -> list[int]:
    """Positions of `texts` in the order drawn: the same whatever order they come in, as long as no two are equal."""

    def lot(position: int) -> tuple[bytes, int]:
        return hashlib.sha256(f"{stem_html}\x00{texts[position]}".encode()).digest(), position

    return sorted(range(len(texts)), key=lot)


def write_body(
    kind: str,
    stem: str,
    options: Sequence[str] = (),
    *,
    fixed_order: bool = False,
    prompts: Sequence[str] = (),
    unit: str = "",
) -> ItemBody:
    """A body from authors' HTML, sanitised. True/false brings its own options; `unit` is plain text.

    Options are numbered as they come, those of ordering and matching as `option_ids` says. Raises `UnknownKind`.
    """
    known = kind_of(kind)
    clean = markup.sanitise(stem)
    texts = list(known.fixed_options) or [markup.sanitise(option) for option in options]
    if known.keeps_order:
        texts = [texts[position] for position in drawn(clean, texts)]
    return ItemBody(
        kind=kind,
        stem_html=clean,
        options=_numbered(texts),
        fixed_order=bool(known.fixed_options) or (fixed_order and bool(texts) and not known.keeps_order),
        blanks=markup.blanks_in(clean) if known.blanks[-1] else 0,
        unit=_line(unit),
        prompts=_numbered([markup.sanitise(prompt) for prompt in prompts]),
    )


def with_stimulus(body: ItemBody, name: str, html: str) -> ItemBody:
    """The body as one of the set that shares this text; `html` as `markup.sanitise` gives it."""
    return body.model_copy(update={"stimulus": name, "stimulus_html": html})


def write_key(
    correct: Iterable[int] = (),
    rationale: str = "",
    *,
    kind: str = "single",
    accepted: Iterable[Iterable[str]] = (),
    number: str = "",
    tolerance: str = "",
    units: Iterable[str] = (),
) -> ItemKeyData:
    """A key, with the sanitised reason if there is one. `correct` are option ids; `kind` says whether their order counts.

    Raises `UnknownKind`; `pydantic.ValidationError` for an option id below 1.
    """
    chosen = tuple(correct)
    return ItemKeyData(
        correct=chosen if kind_of(kind).keeps_order else tuple(sorted(set(chosen))),
        rationale_html=markup.sanitise(rationale) if rationale else "",
        accepted=tuple(_distinct(texts) for texts in accepted),
        number=unit_form(number),
        tolerance=unit_form(tolerance) or ("0" if number.strip() else ""),
        units=_distinct(units),
    )


def with_unit(key: ItemKeyData, unit: str) -> ItemKeyData:
    """The key as marking uses it: the unit printed beside the field may be typed as well."""
    return key.model_copy(update={"units": tuple(dict.fromkeys([unit, *key.units]))}) if unit else key


def _numbered(texts: Iterable[str]) -> tuple[Option, ...]:
    return tuple(Option(id=n, html=text) for n, text in enumerate(texts, 1))


def _line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", markup.storable(text)).split())


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that say something, each once, in the order given."""
    return tuple(dict.fromkeys(line for line in map(_line, texts) if line))
