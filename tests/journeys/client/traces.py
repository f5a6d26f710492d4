"""Looks for texts in a browser's profile on the disk: plain, as UTF-16 (how V8 and LevelDB keep Chinese), and in base64."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path


def shapes(text: str) -> set[bytes]:
    """The bytes a text may lie on the disk as. Base64 has three alignments; the ends that depend on neighbours are cut off."""
    found = set()
    for plain in (text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")):
        found.add(plain)
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + plain)
            found.add(coded[4 if shift else 0 : -4])
    found.add(text.encode("unicode_escape"))
    return {shape for shape in found if len(shape) >= 8}


def traces(profile: Path, texts: Iterable[str]) -> Iterator[str]:
    """`file: text` for every text found in a file of the profile."""
    wanted = {shape: text for text in texts for shape in shapes(text)}
    for file in sorted(profile.rglob("*")):
        if not file.is_file() or file.is_symlink():
            continue
        data = file.read_bytes()
        for shape, text in wanted.items():
            if shape in data:
                yield f"{file.relative_to(profile)}: {text}"
