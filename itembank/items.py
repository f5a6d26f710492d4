"""Items: kinds, what a candidate sees (body), the key, and what makes them valid. Pure.

The body and the key are separate models, stored apart; `public_view` takes a body and so cannot reveal a key. HTML is
sanitised when an item is written (`write_body`) and never again, because a stored body is immutable and its digest
must not depend on the version of a sanitiser.

Adding a kind: one entry in `KINDS`. Everything that asks about kinds asks there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from itembank import markup
from itembank.errors import FieldProblem, InvalidItem, UnknownKind, msg

TRUE: Final = 1
FALSE: Final = 2
MAX_OPTIONS: Final = 8
MAX_STEM: Final = 20_000
MAX_OPTION: Final = 8_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One item kind: its words, and how many options and correct options it has."""

    code: str
    name: str  # English msgid
    name_zh: str  # as printed on papers
    options: range
    correct: range
    fixed_options: tuple[str, ...] = ()  # kinds whose options are always the same


KINDS: Final[dict[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind("single", "Single choice", "单项选择题", range(2, MAX_OPTIONS + 1), range(1, 2)),
        Kind("multiple", "Multiple choice", "多项选择题", range(2, MAX_OPTIONS + 1), range(2, MAX_OPTIONS + 1)),
        Kind("true_false", "True or false", "判断题", range(2, 3), range(1, 2), ("正确", "错误")),
    )
}


def kind_of(code: str) -> Kind:
    """The kind with this code; raises `UnknownKind`."""
    try:
        return KINDS[code]
    except KeyError:
        raise UnknownKind(code, tuple(KINDS)) from None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


OptionId = Annotated[int, Field(ge=1, le=99)]


class Option(_Frozen):
    """One option. ``id`` is 1, 2, … as written and stays with the option when the order shown is shuffled."""

    id: OptionId
    html: str


class ItemBody(_Frozen):
    """All that is shown of an item version. Raises `UnknownKind` for a kind not in `KINDS`."""

    kind: str
    stem_html: str
    options: tuple[Option, ...]
    fixed_order: bool = False

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        return kind_of(value).code

    @property
    def media(self) -> frozenset[str]:
        """Digests (SHA-256, hex) of all pictures shown."""
        return markup.media_of(self.stem_html).union(*(markup.media_of(option.html) for option in self.options))


class ItemKeyData(_Frozen):
    """The key: ids of the correct options, ascending, and why (kept here because it gives the key away)."""

    correct: tuple[OptionId, ...]
    rationale_html: str = ""

    @field_validator("correct")
    @classmethod
    def _ordered(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(value)))


class PublicItem(_Frozen):
    """What a candidate may see of an item. There is no field a key could stand in."""

    kind: str
    stem_html: str
    options: tuple[Option, ...]
    fixed_order: bool


def public_view(body: ItemBody) -> PublicItem:
    """The candidate's view of an item."""
    return PublicItem(kind=body.kind, stem_html=body.stem_html, options=body.options, fixed_order=body.fixed_order)


def write_body(kind: str, stem: str, options: Sequence[str] = (), *, fixed_order: bool = False) -> ItemBody:
    """A body from authors' HTML, sanitised; options are numbered as they come. True/false brings its own options.

    Not yet checked: see `check_item`. Raises `UnknownKind`.
    """
    fixed = kind_of(kind).fixed_options
    texts = fixed or [markup.sanitise(option) for option in options]
    return ItemBody(
        kind=kind,
        stem_html=markup.sanitise(stem),
        options=tuple(Option(id=n, html=text) for n, text in enumerate(texts, 1)),
        fixed_order=fixed_order or bool(fixed),
    )


def write_key(correct: Sequence[int], rationale: str = "") -> ItemKeyData:
    """A key, with the sanitised reason if there is one."""
    return ItemKeyData(correct=tuple(correct), rationale_html=markup.sanitise(rationale) if rationale else "")


def check_item(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> list[FieldProblem]:
    """Everything that forbids storing this item; empty when it is valid.

    ``allow_one_correct`` lets a multiple-choice item have a single correct option (some sectors' rules do).
    """
    return [*check_body(body), *check_key(body, key, allow_one_correct=allow_one_correct)]


def require_valid(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> None:
    """Raise `InvalidItem` with all problems unless the item is valid."""
    problems = check_item(body, key, allow_one_correct=allow_one_correct)
    if problems:
        raise InvalidItem(tuple(problems))


def check_body(body: ItemBody) -> list[FieldProblem]:
    """Problems of what is shown: stem, options, cleanliness of the HTML."""
    found = [*_check_html("stem", body.stem_html, MAX_STEM)]
    kind = kind_of(body.kind)
    if kind.fixed_options:
        wanted = tuple(Option(id=n, html=text) for n, text in enumerate(kind.fixed_options, 1))
        if body.options != wanted:
            found.append(
                FieldProblem(
                    "options",
                    msg("A true/false item has its own options."),
                    msg("Leave the options empty; they are always 正确 and 错误."),
                )
            )
        return found
    return [*found, *_check_options(body, kind)]


def _check_options(body: ItemBody, kind: Kind) -> list[FieldProblem]:
    found: list[FieldProblem] = []
    if len(body.options) not in kind.options:
        found.append(
            FieldProblem(
                "options",
                msg("There are %(n)s options.", n=len(body.options)),
                msg("Give %(low)s to %(high)s options.", low=kind.options[0], high=kind.options[-1]),
            )
        )
    if [option.id for option in body.options] != list(range(1, len(body.options) + 1)):
        found.append(
            FieldProblem(
                "options",
                msg("Options are not numbered 1, 2, 3 …"),
                msg("Number the options in the order written."),
            )
        )
    seen: dict[str, int] = {}
    for option in body.options:
        where = f"options.{option.id}"
        found += _check_html(where, option.html, MAX_OPTION)
        text = "".join(markup.plain_text(option.html).split())
        if text and text in seen:
            found.append(
                FieldProblem(
                    where,
                    msg("Options %(a)s and %(b)s are the same.", a=letter(seen[text]), b=letter(option.id)),
                    msg("Change one of the two options."),
                )
            )
        seen.setdefault(text, option.id)
    return found


def _check_html(field: str, source: str, longest: int) -> list[FieldProblem]:
    if len(source) > longest:
        return [
            FieldProblem(
                field,
                msg("The text is too long: %(n)s characters.", n=len(source)),
                msg("Shorten it to at most %(longest)s characters.", longest=longest),
            )
        ]
    if markup.has_bare_picture(source):
        return [
            FieldProblem(
                field,
                msg("A picture refers to something that is not in the bank."),
                msg("Upload the picture and insert it again."),
            )
        ]
    if not markup.plain_text(source):
        return [FieldProblem(field, msg("The text is empty."), msg("Write the text, or remove the option."))]
    if _may_be_unclean(source) and markup.sanitise(source) != source:
        return [
            FieldProblem(
                field,
                msg("The text contains formatting that is not allowed."),
                msg("Remove scripts, styles, links and outside pictures."),
            )
        ]
    return []


def _may_be_unclean(source: str) -> bool:
    return source != source.strip() or any(char in source for char in "<>&\u00a0") or markup.storable(source) != source


def check_key(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> list[FieldProblem]:
    """Problems of the key against the body it belongs to."""
    kind = kind_of(body.kind)
    ids = {option.id for option in body.options}
    absent = [letter(n) for n in key.correct if n not in ids]
    if absent:
        return [
            FieldProblem(
                "key",
                msg("The key names option %(letters)s, which does not exist.", letters=", ".join(absent)),
                msg("Correct the key, or add the option."),
            )
        ]
    low = 1 if allow_one_correct else kind.correct[0]
    high = kind.correct[-1]
    if low <= len(key.correct) <= high:
        return []
    if not key.correct:
        return [FieldProblem("key", msg("There is no key."), msg("Say which option is correct."))]
    if len(key.correct) > high:
        return [
            FieldProblem(
                "key",
                msg("This kind has exactly one correct option, but the key names %(n)s.", n=len(key.correct)),
                msg("Leave one correct option, or make it a multiple-choice item."),
            )
        ]
    return [
        FieldProblem(
            "key",
            msg("A multiple-choice item needs at least two correct options."),
            msg("Add a correct option, or make it a single-choice item."),
        )
    ]


def letter(option_id: int) -> str:
    """1 -> A, 2 -> B, …: how people name the option with this id."""
    return chr(ord("A") + option_id - 1) if 1 <= option_id <= 26 else str(option_id)
