"""How people mark things in text lists of items: numbers, option letters, keys, headings. One pattern, one place."""

import re
import unicodedata
from typing import Final

from itembank.exchange import item_columns
from itembank.exchange.item_columns import CHOICE_WORDS, OPTION_LETTERS, plain_word

# Headings of kinds this product does not have; their items are refused by name.
# fmt: off
_OTHER_KINDS: Final = (
    "填空题", "简答题", "问答题", "计算题", "论述题", "名词解释", "案例分析题", "案例题", "综合题", "作图题", "实操题",
    "简答和计算题",
)
# fmt: on
_BY_KEY: Final = frozenset(["选择题", "选择"])
_KIND_NAMES: Final = sorted((word for word in (*CHOICE_WORDS, *_OTHER_KINDS) if not word.isascii()), key=len, reverse=True)
_TRUTH: Final = r"√|×|✓|✗|✔|✘|对|错|正确|错误|T|F"
_KIND: Final = "|".join(_KIND_NAMES)
_HEADING: Final = re.compile(
    rf"(?:第?[一二三四五六七八九十]{{1,3}}(?:部分)?\s*[、.．:：]?\s*)?[【\[(（]?({_KIND})[】\])）]?(?:\s*[（(:：。,，、共].{{0,120}})?"
)
_KIND_MARK: Final = re.compile(rf"\s*[【\[(（]\s*({_KIND})\s*[】\])）]\s*")
_NUMBER: Final = re.compile(r"\s*(?:第\s*)?(\d{1,4})\s*(题\s*[.．、:：]?|[.．](?!\d)|[、:：]|[)）](?!\s*[.．、]?\d))\s*")
_NUMBER_IN_BRACKETS: Final = re.compile(r"\s*[（(【\[]\s*(\d{1,4})\s*[)）】\]]\s*[.．、]?\s*")
_OPTION: Final = re.compile(r"[（(【\[]\s*([A-HＡ-Ｈ])\s*[)）】\]]|(?<![A-Za-z0-9])([A-HＡ-Ｈ])\s*[.．、:：)）。]")
_WEAK_OPTION: Final = re.compile(r"(?:^|(?<=\s))([A-HＡ-Ｈ])(?:[,，\s]|(?=[\u4e00-\u9fff]))")
_NO_BREAK: Final = frozenset("、,，和与及或/")
_LETTERS_IN_STEM: Final = re.compile(r"[（(]\s*([A-HＡ-Ｈ](?:[、，,\s]*[A-HＡ-Ｈ])*)\s*[)）]")
_TRUTH_IN_STEM: Final = re.compile(rf"[（(]\s*({_TRUTH})\s*[)）]")
_TRUTH_BEFORE: Final = re.compile(rf"\s*[（(]\s*({_TRUTH})?\s*[)）]\s*(?=\d{{1,4}}\s*[.．、])")
_LABEL: Final = re.compile(
    r"\s*[【\[]?\s*(正确答案|标准答案|参考答案|答案解析|试题解析|答案|解析|难易程度|难度等级|难易度|难度|"
    r"命题依据|出题依据|依据|出处|来源|鉴定点代码|鉴定点|知识点代码|考核点代码)\s*(?:[】\]]\s*[:：]?|[:：])\s*"
)
_LABEL_INSIDE: Final = re.compile(
    r"[\s。；;)）】](?=[【\[]?\s*(?:正确答案|标准答案|参考答案|答案|解析|答案解析|难度)\s*(?:[】\]]|[:：]))"
)
_ANSWER: Final = re.compile(rf"\s*答\s*[:：]\s*([A-H]{{1,8}}|{_TRUTH})\s*[。.]?\s*")
_BLOCK: Final = re.compile(r".{0,40}?(?:参考|标准|正确|试题)?答案(?:及解析|与解析|和解析|部分|页)?\s*[:：]?")
_LABEL_FIELDS: Final = {plain_word(word): name for name, words in item_columns.HEADERS.items() for word in words}


def heading_kind(text: str) -> str | None:
    """The word of a heading for a kind of items (``单选题``); None for any other line."""
    found = _HEADING.fullmatch(text.strip()[:160])
    return found[1] if found else None


def kind_of_word(word: str) -> str | None:
    """The kind's code; empty where the key decides (选择题); None for a kind not known here."""
    return "" if word in _BY_KEY else CHOICE_WORDS.get(word)


def take_kind_mark(text: str) -> tuple[str | None, str]:
    """(kind word, rest) of ``【多选题】…``."""
    found = _KIND_MARK.match(text)
    return (found[1], text[found.end() :]) if found else (None, text)


def take_number(text: str) -> tuple[int, str, str] | None:
    """(number, way of writing it, rest) of ``12、…``, ``12.…``, ``第12题 …``, ``（12）…``; None for other lines."""
    found = _NUMBER.match(text)
    if found is not None:
        return int(found[1]), found[2].strip()[:1], text[found.end() :]
    found = _NUMBER_IN_BRACKETS.match(text)
    return (int(found[1]), "()", text[found.end() :]) if found is not None else None


def take_truth_before(text: str) -> tuple[str, str] | None:
    """(truth word or nothing, rest) of ``（√）12. …`` and ``（ ）12. …``."""
    found = _TRUTH_BEFORE.match(text)
    return (found[1] or "", text[found.end() :]) if found else None


def split_options(text: str, first: int = 0) -> tuple[str, list[str]]:
    """(text before, options) of a line: the letters that follow each other, beginning with number ``first`` (0 is A).

    Letters with nothing but a space or a comma after them count only where at least three options are found that way.
    """
    strong = list(_OPTION.finditer(text))
    marks = _sequence(text, first, strong, [])
    if weak := list(_WEAK_OPTION.finditer(text)):
        mixed = _sequence(text, first, strong, weak)
        marks = mixed if len(mixed) > max(2, len(marks)) else marks
    if not marks:
        return text, []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return text[: marks[0].start()], [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]


def _sequence(text: str, first: int, strong: list[re.Match[str]], weak: list[re.Match[str]]) -> list[re.Match[str]]:
    """The marks of the letters wanted one after the other; clear ones before those inside a run of text."""
    marks: list[re.Match[str]] = []
    place = 0
    for wanted in OPTION_LETTERS[first:]:
        later = [mark for mark in strong if mark.start() >= place and _letter_of(mark) == wanted]
        clear = [mark for mark in later if mark[1] or mark.start() == 0 or text[mark.start() - 1].isspace()]
        loose = [mark for mark in later if mark.start() and text[mark.start() - 1] not in _NO_BREAK]
        bare = [mark for mark in weak if mark.start() >= place and _letter_of(mark) == wanted]
        found = clear or loose or bare
        if not found:
            break
        marks.append(found[0])
        place = found[0].end()
    return marks


def _letter_of(mark: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", next(group for group in mark.groups() if group))


def begins_with_option(text: str, number: int) -> bool:
    """Whether the line begins with the letter of option ``number`` (0 is A)."""
    head, options = split_options(text.strip(), number)
    return bool(options) and not head


def holds_other_option(text: str) -> bool:
    """Whether an option's text has the letter of another one inside: they were typed out of order, or with a slip."""
    return any(mark.start() and text[mark.start() - 1].isspace() for mark in _OPTION.finditer(text))


def split_labels(text: str) -> list[str]:
    """A line cut before every label inside it: ``… 答案：B 解析：…`` gives three parts."""
    parts, place = [], 0
    for found in _LABEL_INSIDE.finditer(text):
        parts.append(text[place : found.end()])
        place = found.end()
    return [*parts, text[place:]]


def take_label(text: str) -> tuple[str, str] | None:
    """(field, value) of ``答案：B``, ``【解析】…``, ``难度：3``; None for other lines."""
    answer = _ANSWER.fullmatch(text)
    if answer is not None:
        return "key", answer[1]
    found = _LABEL.match(text)
    if found is None:
        return None
    return _LABEL_FIELDS[plain_word(found[1])], text[found.end() :].strip()


def is_key_heading(text: str) -> bool:
    """Whether the line opens a block of keys: ``参考答案``."""
    return len(text) <= 60 and _BLOCK.fullmatch(text.strip()) is not None


def keys_in_stem(stem: str, *, truth: bool, options: int) -> list[re.Match[str]]:
    """Brackets in a stem with nothing but a possible key in them; group 1 is the key."""
    if truth:
        return list(_TRUTH_IN_STEM.finditer(stem))
    found = _LETTERS_IN_STEM.finditer(stem)
    return [mark for mark in found if max(item_columns.parse_letters(mark[1][:40]) or (99,)) <= options]
