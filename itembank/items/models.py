"""What is stored of an item: the body candidates see, the key, and the public view of a body. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from itembank import markup
from itembank.items.kinds import kind_of

OptionId = Annotated[int, Field(ge=1, le=99)]

# fmt: off
_LEAN: Final = frozenset({
    "blanks", "unit", "prompts", "stimulus", "stimulus_html", "accepted", "number", "tolerance", "units",
})
# fmt: on


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lean(_Frozen):
    """Fields only some kinds use are left out of the JSON while they are empty.

    So papers and keys of the kinds that never had them are, byte for byte, what they were before there were such fields.
    """

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> Mapping[str, Any]:
        return {name: value for name, value in handler(self).items() if value or name not in _LEAN}


class Option(_Frozen):
    """One option, or one line to match. ``id`` is 1, 2, … and stays with it when the order shown is shuffled."""

    id: OptionId
    html: str


class ItemBody(Lean):
    """All that is shown of an item version. Raises `UnknownKind` for a kind not in `KINDS`.

    `blanks`: how many there are to fill in, each written ``____`` in the stem. `unit`: stands after the field of a number.
    `prompts`: the lines to match, in the order shown. `stimulus`: name of the text this item shares with others of its set
    (the id of the `Stimulus` row), and `stimulus_html` that text, so that a version says all that a candidate reads.
    """

    kind: str
    stem_html: str
    options: tuple[Option, ...]
    fixed_order: bool = False
    blanks: int = 0
    unit: str = ""
    prompts: tuple[Option, ...] = ()
    stimulus: str = ""
    stimulus_html: str = ""

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        return kind_of(value).code

    @property
    def media(self) -> frozenset[str]:
        """Digests (SHA-256, hex) of all pictures shown."""
        shown = [self.stimulus_html, self.stem_html, *(one.html for one in (*self.prompts, *self.options))]
        return frozenset[str]().union(*map(markup.media_of, shown))


class ItemKeyData(Lean):
    """The key, and why (kept here because it gives the key away). What is in it goes by the kind.

    Choice kinds: `correct`, ids of the correct options, ascending. Ordering: `correct`, all ids in the right order. Matching:
    `correct`, one option id a line, in the order of the lines. Fill in: `accepted`, for each blank the texts that count.
    Calculation: `number` and `tolerance` (absolute) as decimal text, `units` that may be typed after the number.
    """

    correct: tuple[OptionId, ...] = ()
    rationale_html: str = ""
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    units: tuple[str, ...] = ()


class PublicItem(Lean):
    """What a candidate may see of an item. There is no field a key could stand in."""

    kind: str
    stem_html: str
    options: tuple[Option, ...]
    fixed_order: bool
    blanks: int = 0
    unit: str = ""
    prompts: tuple[Option, ...] = ()
    stimulus: str = ""
    stimulus_html: str = ""


def public_view(body: ItemBody) -> PublicItem:
    """The candidate's view of an item."""
    return PublicItem(**{name: getattr(body, name) for name in PublicItem.model_fields})
