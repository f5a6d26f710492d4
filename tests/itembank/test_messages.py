"""Everything the pure modules and the readers say to people is translated, with the same parameters."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
MODULES = ["errors", "markup", "syllabus", "lint/choice", "lint/kinds", "changes", "families", "quarantine", "ledger"]
PARAMETER = re.compile(r"%\((\w+)\)s")


def said() -> Iterator[str]:
    """First arguments of ``msg(…)`` and the names of kinds."""
    folders = [
        *(ROOT / "itembank" / "items").glob("*.py"),
        *(ROOT / "itembank" / "exchange").glob("*.py"),
        *(ROOT / "itembank" / "similarity").glob("*.py"),
    ]
    files = [ROOT / "itembank" / f"{name}.py" for name in MODULES] + sorted(folders)
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"msg", "Kind"}:
                argument = node.args[0 if node.func.id == "msg" else 1]
                assert isinstance(argument, ast.Constant), f"{file.name}:{node.lineno}: the msgid must be a literal"
                assert isinstance(argument.value, str)
                yield argument.value


def test_every_message_has_a_chinese_translation() -> None:
    translated: dict[str, str] = {}
    for file in sorted((ROOT / "web" / "locale" / "zh_CN").glob("*.po")):
        with file.open("rb") as stream:
            translated |= {str(message.id): str(message.string) for message in read_po(stream) if not message.fuzzy}
    messages = set(said())
    assert len(messages) > 100
    assert sorted(message for message in messages if not translated.get(message)) == []
    for message in messages:
        assert sorted(PARAMETER.findall(message)) == sorted(PARAMETER.findall(translated[message])), message


def test_a_message_never_holds_a_bare_percent_sign() -> None:
    for message in said():
        assert "%" not in PARAMETER.sub("", message), message
