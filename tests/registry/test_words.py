"""Sentences that pure modules carry as plain strings have their Chinese too; the catalogue test sees only marked ones."""

import ast
from collections.abc import Iterator
from pathlib import Path

from server import pages
from server.records import reading as records_reading
from server.records import typeset
from server.registry import (
    abort,
    admission,
    enrolment,
    freeze,
    override,
    readiness,
    release,
    release_rules,
    reserve,
    roster,
    rules,
    scheduling,
    session_form,
    sheets,
)

MODULES = (
    abort,
    admission,
    enrolment,
    freeze,
    override,
    readiness,
    release,
    release_rules,
    reserve,
    roster,
    rules,
    scheduling,
    session_form,
    sheets,
    records_reading,
    typeset,
)


def sentences(path: Path) -> Iterator[str]:
    """String literals that read like a sentence for people: a capital, several words, and not a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inside:
            text = node.value
            if (text[:1].isupper() or text.startswith(("%(", "Beside"))) and " " in text and text.isascii():
                yield text


def test_every_sentence_of_the_pure_modules_has_its_chinese() -> None:
    chinese = pages.catalogue("zh_CN")
    missing = {
        text
        for module in MODULES
        for text in sentences(Path(str(module.__file__)))
        if text not in chinese and text not in typeset.CHINESE_FAMILIES
    }
    assert missing == set()
