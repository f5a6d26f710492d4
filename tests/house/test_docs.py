"""The documents are true: the reference is what the code says, and what the README names exists."""

import re
from pathlib import Path

import pytest

from server import cli
from tests import reference

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:server|itembank|web|loadtests|tests|docs)/[\w./@-]+)`")
MAKE = re.compile(r"(?:`|^)make ([a-z-]+)(?:`| +#)", re.MULTILINE)
COMMAND = re.compile(r"jikao ([a-z]+)")


def test_the_reference_is_made_from_the_code() -> None:
    assert reference.PATH.read_text(encoding="utf-8") == reference.text(), "run: make reference"


@pytest.mark.parametrize("path", sorted(set(FILE.findall(README))))
def test_files_named_in_the_readme_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(MAKE.findall(README)) - targets == set()


def test_commands_named_in_the_readme_exist() -> None:
    known = {command.name or (command.callback.__name__ if command.callback else "") for command in cli.app.registered_commands}
    known |= {str(group.name) for group in cli.app.registered_groups}
    assert set(COMMAND.findall(README)) - known == set()


def test_the_repository_names_no_machine_of_its_makers() -> None:
    words = re.compile(r"(?<![\w.])/(?:home|root|tmp|srv/build|wo[r]k)/[a-z]")
    kinds = {".py", ".md", ".html", ".js", ".css", ".toml", ".po"}
    told = [
        str(path.relative_to(ROOT))
        for top in ("server", "itembank", "web", "loadtests", "docs", "README.md", "CHANGELOG.md", "pyproject.toml")
        for path in ([ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*"))
        if path.suffix in kinds and "vendor" not in path.parts and words.search(path.read_text(encoding="utf-8"))
    ]
    assert told == []
