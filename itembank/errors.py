"""What the item bank refuses, as exceptions that carry ids; and the one shape of a message for people.

Lowest layer of the library: imports nothing of it. No HTTP status codes here; the service maps classes to status.
A message is an English msgid with ``%(name)s`` parameters, translated where it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Param = str | int | float


@dataclass(frozen=True, slots=True)
class Message:
    """An English sentence to translate, and what goes into it. ``str()`` gives the English text."""

    msgid: str
    params: Mapping[str, Param] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.msgid % self.params


def msg(msgid: str, **params: Param) -> Message:
    """Make a message; the literal first argument is what the translation catalogue is collected from."""
    return Message(msgid, params)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field (``stem``, ``options``, ``options.2``, ``key`` …) and how to mend it."""

    field: str
    problem: Message
    mend: Message


class ItemBankError(Exception):
    """Base of everything this library refuses on purpose."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class NotFound(ItemBankError):
    """There is no such thing, or not within the caller's reach."""

    def __init__(self, what: str, id: int | str) -> None:
        super().__init__(msg("There is no %(what)s with the number %(id)s.", what=what, id=id))
        self.what = what
        self.id = id


class UnknownKind(ItemBankError):
    """An item kind this version does not know; ``known`` lists those it does."""

    def __init__(self, kind: str, known: tuple[str, ...]) -> None:
        super().__init__(
            msg(
                "The item kind “%(kind)s” is not known. Known kinds: %(known)s.",
                kind=kind,
                known=", ".join(known),
            )
        )
        self.kind = kind
        self.known = known


class InvalidItem(ItemBankError):
    """An item that may not be stored; ``problems`` names every field at fault."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        listing = "; ".join(f"{p.field}: {p.problem}" for p in problems)
        super().__init__(msg("The item is not valid: %(problems)s", problems=listing))
        self.problems = problems


class SecondPersonNeeded(ItemBankError):
    """An act that takes two people was asked by one."""

    def __init__(self) -> None:
        super().__init__(msg("This takes two different people."))


class TooMuchAlike(ItemBankError):
    """So many texts of one import are like each other that nobody could decide about them."""

    def __init__(self, most: int) -> None:
        super().__init__(msg("More than %(n)s pairs of questions in this file are like each other.", n=most))
