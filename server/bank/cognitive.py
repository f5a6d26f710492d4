"""Cognitive levels to choose from while somebody types: the usual words, and those a bank uses."""

from sqlmodel import Session

from itembank.attributes import levels_of
from itembank.tables import Bank
from server.bank.words import COGNITIVE


def known_levels(db: Session, bank: Bank) -> list[str]:
    """The usual ones first."""
    return list(dict.fromkeys([*COGNITIVE, *levels_of(db, bank.id)]))
