"""A key as the correction form sends it: which fields count goes by the kind of the item."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Form

from itembank.items import ItemKeyData, write_key


@dataclass(frozen=True)
class TypedKey:
    """What was typed, as it goes back into the form.

    `correct`: option ids; for ordering by place, for matching by line, 0 where nothing was chosen. `accepted`: a field for
    each blank, one text a line. `units`: one a line.
    """

    correct: tuple[int, ...] = ()
    accepted: tuple[str, ...] = ()
    number: str = ""
    tolerance: str = ""
    units: str = ""

    def key(self, kind: str) -> ItemKeyData:
        """The key of an item of this kind; not yet checked."""
        return write_key(
            [option for option in self.correct if 0 < option < 100],
            kind=kind,
            accepted=[texts.splitlines() for texts in self.accepted],
            number=self.number,
            tolerance=self.tolerance,
            units=self.units.splitlines(),
        )


NOTHING: Final = TypedKey()


def typed_key(
    correct: Annotated[list[int] | None, Form()] = None,
    accepted: Annotated[list[str] | None, Form()] = None,
    number: Annotated[str, Form(max_length=100)] = "",
    tolerance: Annotated[str, Form(max_length=100)] = "",
    units: Annotated[str, Form(max_length=500)] = "",
) -> TypedKey:
    """From the fields of the form."""
    return TypedKey(tuple(correct or ()), tuple(accepted or ()), number, tolerance, units)
