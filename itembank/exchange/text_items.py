"""Lines of a text list -> the pieces of each item, and the keys of a block at the end. No judgement: `textlist` judges."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from itembank.exchange import item_columns
from itembank.exchange import text_marks as marks
from itembank.exchange.docx import Line

_KEY: Final = r"[A-H]{1,8}|√|×|✓|✗|✔|✘|对|错|正确|错误|T(?:RUE)?|F(?:ALSE)?"
_PAIR: Final = re.compile(rf"(\d{{1,4}})\s*[.．、:：)）]?\s*[（(【\[]?\s*({_KEY})\s*[)）】\]]?(?![A-Za-z0-9])")
_RANGE: Final = re.compile(rf"(\d{{1,4}})\s*[-~～—–－至到]+\s*(\d{{1,4}})\s*[.．、:：)）]?\s*((?:(?:{_KEY})[\s,，、;；]*)+)")
_ONE_KEY: Final = re.compile(_KEY)
_EXPLAINED: Final = re.compile(r"[\s【\[]{0,5}(?:答案)?解析\s*[】\]]?\s*[:：]?")
_SPACES: Final = re.compile(r"[^\S\n]{9,}")
_ENDS_OF_STEMS: Final = tuple("。.？?：:)）_…!！")
_LONGEST_BLOCK_LINE: Final = 5_000
_LOOKED_AT: Final = 500
LONGEST_TEXT: Final = 100_000


@dataclass(slots=True)
class Pieces:
    """One item as found. ``kind_word`` is what the heading or the mark before it says; texts as written in the file."""

    row: int
    number: int | None
    style: str
    kind_word: str
    stem: list[str]
    options: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether a next numbered line can only be a new item."""
        return bool(self.options) or "key" in self.labels


@dataclass(slots=True)
class Listing:
    """All items in order, and keys and explanations from blocks: (kind word, number) -> text."""

    items: list[Pieces] = field(default_factory=list)
    keys: dict[tuple[str, int], str] = field(default_factory=dict)
    reasons: dict[tuple[str, int], str] = field(default_factory=dict)


class Collector:
    """Reads line by line; what a line means depends on the item it follows."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.listing = Listing()
        self.kind_word = ""
        self.current: Pieces | None = None
        self.open_label = ""  # the label whose text the next lines continue
        self.in_keys = False
        self.numbers: list[int] = []  # of a table of keys: the row 题号

    def read(self) -> Listing:
        """Everything in the lines."""
        for place, line in enumerate(self.lines):
            text = _SPACES.sub(" " * 8, line.text.strip())
            if not text:
                continue
            if self.in_keys and self._block_line(text):
                continue
            self.in_keys = False
            following = self.lines[place + 1].text.strip()[:_LOOKED_AT] if place + 1 < len(self.lines) else ""
            self._line(line.number, text, following)
        return self.listing

    def _line(self, number: int, text: str, following: str) -> None:
        word = marks.heading_kind(text)
        if word is not None:
            self.kind_word, self.current = word, None
        elif marks.is_key_heading(text) and not self._expects_key(following):
            self.in_keys, self.current, self.kind_word, self.numbers = True, None, "", []
        else:
            for n, part in enumerate(marks.split_labels(text)):
                label = marks.take_label(part)
                if label is not None and self.current is not None:
                    self.open_label = label[0]
                    self._extend_label(label[1])
                elif n == 0:
                    self._content(number, part, following)
                else:
                    self._continue(part)

    def _expects_key(self, following: str) -> bool:
        """``答案：`` on a line of its own, with the key on the next."""
        waiting = self.current is not None and "key" not in self.current.labels
        return waiting and _ONE_KEY.fullmatch(following) is not None

    def _content(self, row: int, text: str, following: str) -> None:
        before = marks.take_truth_before(text)
        numbered = marks.take_number(before[1] if before is not None else text)
        if numbered is not None and self._begins_item(numbered[0], numbered[1]):
            self._start(row, numbered[0], numbered[1], numbered[2])
            if before is not None and before[0] and self.current is not None:
                self.current.labels["key"] = before[0]
            return
        current = self.current
        if current is not None and marks.begins_with_option(text, len(current.options)):
            _, options = marks.split_options(text, len(current.options))
            current.options += options
            self.open_label = ""
        elif (current is None or current.complete) and self._looks_like_stem(text, following):
            self._start(row, None, "", text)
        else:
            self._continue(text)

    def _begins_item(self, number: int, style: str) -> bool:
        current = self.current
        if current is None or (current.complete and (current.number is None or style == current.style)):
            return True
        return number == (current.number or 0) + 1 and style == current.style

    def _looks_like_stem(self, text: str, following: str) -> bool:
        """An item without a number: options follow, or it is a statement with its truth value."""
        if marks.begins_with_option(following, 0):
            return True
        truth = marks.kind_of_word(self.kind_word) == "true_false"
        return bool(marks.keys_in_stem(text, truth=True, options=0)) and (truth or not self.kind_word)

    def _start(self, row: int, number: int | None, style: str, text: str) -> None:
        word, rest = marks.take_kind_mark(text)
        kind_word = word or self.kind_word
        current = Pieces(row, number, style, kind_word, [rest])
        if marks.kind_of_word(kind_word) != "true_false":
            head, options = marks.split_options(rest)
            if len(options) > 1 and head.rstrip().endswith(_ENDS_OF_STEMS):
                current.stem, current.options = [head], options
        self.current, self.open_label = current, ""
        self.listing.items.append(current)

    def _continue(self, text: str) -> None:
        if self.current is None:
            return
        if self.open_label:
            self._extend_label(text)
        elif self.current.options:
            self.current.options[-1] = _joined(self.current.options[-1], text)
        else:
            self.current.stem.append(text)

    def _extend_label(self, text: str) -> None:
        if self.current is not None:
            labels = self.current.labels
            labels[self.open_label] = _joined(labels.get(self.open_label, ""), text)

    # --- blocks of keys -------------------------------------------------------------------------------------------------

    def _block_line(self, text: str) -> bool:
        """One line of a block of keys; False where the block has ended."""
        word = marks.heading_kind(text)
        if word is not None:
            self.kind_word = word
            text = text[text.index(word) + len(word) :]
        cells = text.split("\t")
        if cells[0].strip() in {"题号", "序号", "编号"}:
            self.numbers = [int(cell) for cell in cells[1:] if cell.strip().isdecimal() and len(cell.strip()) < 5]
            return True
        if cells[0].strip() in {"答案", "选项"} and self.numbers:
            for number, key in zip(self.numbers, cells[1:], strict=False):
                self._add(number, key.strip())
            return True
        explained = _EXPLAINED.search(text)
        keys = text[: explained.start()] if explained else text
        found = list(_pairs(keys[:_LONGEST_BLOCK_LINE]))
        for number, key in found:
            self._add(number, key)
        if explained and len(found) == 1:
            self.listing.reasons[self.kind_word, found[0][0]] = text[explained.end() :].strip()
        return bool(found) or word is not None or marks.take_number(text) is None

    def _add(self, number: int, key: str) -> None:
        if _ONE_KEY.fullmatch(key):
            self.listing.keys.setdefault((self.kind_word, number), key)


def _joined(before: str, text: str) -> str:
    """Two lines of one text; what is too long already is not made longer."""
    return f"{before}\n{text}" if before and len(before) <= LONGEST_TEXT else before or text


def _pairs(text: str) -> Iterator[tuple[int, str]]:
    """(number, key) of ``1.B 2.AC``, ``1-5 BCADA``, ``6-8：√×√``."""
    rest = []
    place = 0
    for found in _RANGE.finditer(text):
        low, high = int(found[1]), int(found[2])
        words = item_columns.plain_word(found[3]) and re.split(r"[\s,，、;；]+", found[3].strip(" ,，、;；\t"))
        keys = words if len(words) == high - low + 1 else re.findall(r"√|×|✓|✗|✔|✘|正确|错误|对|错|[A-HT]", found[3])
        if low <= high and len(keys) == high - low + 1:
            yield from zip(range(low, high + 1), keys, strict=True)
        rest.append(text[place : found.start()])
        place = found.end()
    for part in [*rest, text[place:]]:
        for found in _PAIR.finditer(part):
            yield int(found[1]), found[2]
