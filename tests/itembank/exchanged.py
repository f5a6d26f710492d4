"""Random valid items, and small files of every format, for the tests of what goes in and out."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from itembank import lint, markup
from itembank.exchange.figures import Figure, read_figure
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.items import CHOICE_KINDS, check_item, write_body, write_key
from itembank.similarity import content_digest

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
TOPIC = "B-C-A-014"
READING = Reading(default_topic=TOPIC)


def png(shade: int) -> bytes:
    """A picture of one grey pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes([0, shade]))) + chunk(b"IEND", b"")


def figure(shade: int) -> Figure:
    """The same as a figure."""
    found = read_figure(png(shade))
    assert found is not None
    return found


PICTURES = {one.digest: one for one in map(figure, range(3))}

# Everything some format treats as special, and what authors of technical items type.
_SPECIAL = " :~=#{}\\%[]<>&\"'`-→/()（）。、√×@$^_*|;,.\n\tABCTF水℃μΩ²½m3é𠮷😀\u00a0\u3000\u2028\u0085"
_MARKS = [
    "[html]",
    "::a::",
    "$CATEGORY:",
    "//",
    "->",
    "{T}",
    "]]>",
    "&nbsp;",
    "答案：",
    "[图:a.png]",
    "A.",
    "\\n",
    "-->",
    "ANSWER:",
]
_WORDS = st.one_of(
    st.text(st.sampled_from(_SPECIAL), max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(_MARKS),
)


@st.composite
def _html(draw: st.DrawFn, *, pictures: bool = True, formatting: bool = True) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        text = markup.from_text(draw(_WORDS)) if formatting else markup.from_text(draw(_WORDS).replace("\n", " "))
        tag = draw(st.sampled_from(["", "", "sub", "sup", *(["b", "p", "td", "pre", "li"] if formatting else [])]))
        match tag:
            case "":
                parts.append(text)
            case "td":
                parts.append(f"<table><tr><td colspan=2>{text}</td></tr></table>")
            case _:
                parts.append(f"<{tag}>{text}</{tag}>")
    if pictures and draw(st.integers(0, 4)) == 0:
        parts.append(f'<img src="media:{draw(st.sampled_from(sorted(PICTURES)))}" alt="a&lt;b &quot;x&quot;">')
    return markup.sanitise("".join(parts))


_ONE_LINE = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
_LINE = st.text(_ONE_LINE, max_size=20).map(lambda text: markup.storable(text).strip())


@st.composite
def items(
    draw: st.DrawFn, kinds: Sequence[str] = tuple(CHOICE_KINDS), *, pictures: bool = True, formatting: bool = True
) -> ImportedItem:
    """One valid item."""
    html = _html(pictures=pictures, formatting=formatting)
    kind = draw(st.sampled_from(list(kinds)))
    options = [] if kind == "true_false" else draw(st.lists(html, min_size=2, max_size=8))
    width = len(options) or 2
    low, high = (2, width) if kind == "multiple" else (1, 1)
    correct = draw(st.lists(st.integers(1, width), min_size=min(low, width), max_size=high, unique=True))
    body = write_body(kind, draw(html), options, fixed_order=draw(st.booleans()))
    key = write_key(correct, draw(st.one_of(st.just(""), html)))
    return ImportedItem(
        row=draw(st.integers(1, 9)),
        body=body,
        key=key,
        topic_code=draw(st.sampled_from([TOPIC, "A-001", "甲-乙/丙", "x:y=z"])),
        difficulty=draw(st.one_of(st.none(), st.integers(1, 5))),
        source=draw(_LINE),
        reference=draw(_LINE),
        digest=content_digest(body),
    )


_TEXT = st.text(st.sampled_from("abc 甲乙丙12±:=~#{}\\%&<>\"'/*-.|；;[]()℃Ω"), min_size=1, max_size=10)
_NUMBER = st.sampled_from(["0", "22", "-3.5", "0.001", "1e3", "220"])
_UNIT = st.sampled_from(["A", "伏", "r/min", "m²", "k|W", "μΩ"])


@st.composite
def other_items(draw: st.DrawFn, kinds: Sequence[str], *, pictures: bool = True, formatting: bool = True) -> ImportedItem:
    """One item of a kind that is not answered by choosing options."""
    kind = draw(st.sampled_from(list(kinds)))
    html = _html(pictures=pictures, formatting=formatting)
    plain = _TEXT.map(markup.from_text)
    stem, options, prompts, correct, unit = draw(html), list[str](), list[str](), list[int](), ""
    more: dict[str, Any] = {}
    match kind:
        case "fill_in":
            texts = draw(st.lists(plain, min_size=2, max_size=4))
            stem = markup.sanitise("____".join(texts) + draw(st.sampled_from(["", "<br>。", "<b>伏</b>"])))
            more["accepted"] = draw(
                st.lists(st.lists(_TEXT, min_size=1, max_size=3), min_size=len(texts) - 1, max_size=len(texts) - 1)
            )
        case "numeric":
            unit = draw(st.one_of(st.just(""), _UNIT))
            more |= {
                "number": draw(_NUMBER),
                "tolerance": draw(st.sampled_from(["", "0.5"])),
                "units": draw(st.lists(_UNIT, max_size=2)),
            }
        case "matching":
            options = draw(st.lists(plain, min_size=2, max_size=5, unique=True))
            prompts = draw(st.lists(html, min_size=2, max_size=len(options), unique=True))
            correct = draw(st.permutations(range(1, len(options) + 1)))[: len(prompts)]
        case "ordering":
            options = draw(st.lists(html, min_size=2, max_size=5, unique=True))
            correct = list(draw(st.permutations(range(1, len(options) + 1))))
    body = write_body(kind, stem, options, prompts=prompts, unit=unit)
    key = write_key(correct, draw(st.one_of(st.just(""), html)), kind=kind, **more)
    texts = [draw(_LINE), draw(_LINE)]
    return ImportedItem(1, body, key, TOPIC, draw(st.one_of(st.none(), st.integers(1, 5))), *texts, content_digest(body))


def valid(item: ImportedItem) -> bool:
    """Whether an import would take it."""
    return not check_item(item.body, item.key) and not lint.blocking(item.body, item.key)


def batches(kinds: Sequence[str] = tuple(CHOICE_KINDS), **how: bool) -> st.SearchStrategy[list[ImportedItem]]:
    """A few different valid items."""
    choices, others = [kind for kind in kinds if kind in CHOICE_KINDS], [kind for kind in kinds if kind not in CHOICE_KINDS]
    made = [items(choices, **how)] if choices else []
    made += [other_items(others, **how)] if others else []
    return st.lists(st.one_of(made).filter(valid), min_size=1, max_size=3, unique_by=lambda item: item.digest)


def everything(found: Sequence[ImportedItem]) -> list[tuple[object, ...]]:
    """What must come back of each item; its row is another matter."""
    return [(one.body, one.key, one.topic_code, one.difficulty, one.source, one.reference) for one in found]


def refusals(found: SortedItems) -> list[tuple[int, str]]:
    """(row, English text) of the mistakes."""
    return [(one.row, str(one.problem)) for one in found.refused]


def notes(found: SortedItems) -> list[tuple[int, str]]:
    """(row, English text) of the remarks."""
    return [(one.row, str(one.problem)) for one in found.notes]


def zipped(files: dict[str, bytes | str]) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
