"""Every sentence a person can see has its Chinese, and no placeholder is lost on the way."""

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from server import pages

ROOT = Path(__file__).resolve().parents[2]
LOCALE = pages.WEB / "locale" / "zh_CN"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]")

MARKERS = {"_": None, "msg": None, "Reason": None}
"""Calls whose first argument is a sentence for people: the service's marker, the item bank's messages, the officer's reasons."""


def msgids() -> Iterator[tuple[str, str]]:
    """(msgid, where) of every marked sentence in templates and code."""
    options = {"extensions": "jinja2.ext.do", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    for path in sorted((pages.WEB / "templates").rglob("*.html")):
        with path.open("rb") as file:
            for line, _function, message, _comments in babel_extract(file, ("_", "gettext", "ngettext"), [], options):
                yield _first(message), f"{path.relative_to(ROOT)}:{line}"
    for package in ("server", "itembank"):
        for path in sorted((ROOT / package).rglob("*.py")):
            with path.open("rb") as file:
                for line, message, _comments, _context in extract("python", file, keywords=MARKERS):
                    yield _first(message), f"{path.relative_to(ROOT)}:{line}"


def _first(message: object) -> str:
    """The msgid; None (a variable was translated) becomes empty, its values are marked where they are written."""
    first = message[0] if isinstance(message, tuple) else message
    return str(first or "")


def test_every_sentence_has_its_chinese() -> None:
    chinese = pages.catalogue("zh_CN")
    missing = [f"{where}: {msgid}" for msgid, where in msgids() if msgid and msgid not in chinese]
    assert missing == []


def test_placeholders_survive_the_translation() -> None:
    wrong = [
        msgid
        for msgid, translation in pages.catalogue("zh_CN").items()
        for text in ([translation] if isinstance(translation, str) else translation)
        if set(PLACEHOLDER.findall(msgid)) != set(PLACEHOLDER.findall(text))
    ]
    assert wrong == []


def test_no_entry_is_fuzzy_empty_or_said_in_two_ways() -> None:
    said: dict[str, object] = {}
    problems = []
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if not message.id:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                if message.fuzzy or not message.string:
                    problems.append(f"{path.name}: {key}")
                if said.setdefault(key, message.string) != message.string:
                    problems.append(f"{path.name}: {key} is translated in two ways")
    assert problems == []
