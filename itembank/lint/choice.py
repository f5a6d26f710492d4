"""Rules for any kind, and for the choice kinds: options, statements, the balance of key letters."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from itembank.errors import msg
from itembank.items import kind_of, letter
from itembank.lint.finding import Finding, LintItem
from itembank.similarity import normal_text

_CHOICE: Final = frozenset({"single", "multiple"})
MUCH_LONGER: Final = 1.8
LONGER_BY: Final = 8
BATCH_NEEDED: Final = 20
# Upper 1 % points of chi-square, 1 to 7 degrees of freedom.
_CHI_SQUARE_99: Final = (6.63, 9.21, 11.34, 13.28, 15.09, 16.81, 18.48)

_ALL_OF_THEM: Final = re.compile(
    r"(以上|上述|前述|前面)(选项|各项|几项|三项|说法|答案|四项)*(都|全|均|皆)?(不|非)?(是|对|错|正确|错误|有|可|包括|非)|^(都|全|均)(不)?(是|对|错|正确)$"
)
_GIVES_AWAY: Final = re.compile(r"(正确答案|参考答案|标准答案|答案)\s*[:：]")
# A blank that somebody filled in: not P(A), and not one of several bracketed letters.
_MARKED: Final = re.compile(r"(?<![A-Za-z0-9)）])[（(]\s*([√×✓✗]|[A-H]{1,8})\s*[)）]")
_QUESTION: Final = re.compile(r"[?？]|吗[。？?]?$|是否")
_BLANK: Final = re.compile(r"[（(]\s*[)）]|_{2,}")
_NEGATIVE: Final = re.compile(r"(不正确|错误|不属于|不包括|不是|不能|不应|不得|不符合|无关|除外)的")
_NUMERIC: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?\s*[%‰℃°a-zA-ZΩμµ/·\u4e00-\u9fff]{0,6}")


def stem_gives_key_away(item: LintItem) -> Iterator[Finding]:
    """The answer printed in the text candidates see: an editor's leftover."""
    marked = _MARKED.findall(item.stem)
    filled = len(marked) == 1 and not _BLANK.search(item.stem) and _names_key(marked[0], item)
    if filled:
        yield Finding("key_in_blank", "error", msg("The blank in the text is filled in with the key."), "stem")
    if _GIVES_AWAY.search(item.stem):
        yield Finding("key_in_stem", "error", msg("The text shows the answer."), "stem")
    for n, text in enumerate(item.options, 1):
        if _GIVES_AWAY.search(text):
            yield Finding("key_in_option", "error", msg("The option shows the answer."), f"options.{n}")


def _names_key(marked: str, item: LintItem) -> bool:
    if kind_of(item.kind).fixed_options:
        return marked in {"√", "×", "✓", "✗"}
    return marked == "".join(letter(n) for n in item.correct)


def statement_is_one_sentence(item: LintItem) -> Iterator[Finding]:
    """A true/false item is one declarative sentence ending in 。"""
    if item.kind != "true_false":
        return
    text = _BLANK.sub("", item.stem).strip()
    if not text.endswith("。"):
        yield Finding("tf_full_stop", "warning", msg("A true/false statement ends with “。”."), "stem")
    if text.rstrip("。").count("。"):
        yield Finding("tf_one_sentence", "warning", msg("A true/false item is one sentence."), "stem")
    if _QUESTION.search(text):
        yield Finding("tf_question", "warning", msg("A true/false item is a statement, not a question."), "stem")


def no_all_of_the_above(item: LintItem) -> Iterator[Finding]:
    """以上都是, 以上皆非 and their like reward guessing and break when options are shuffled."""
    if item.kind not in _CHOICE:
        return
    for n, text in enumerate(item.options, 1):
        if _ALL_OF_THEM.search(text.strip("。. ")):
            yield Finding(
                "all_of_the_above", "warning", msg("Do not use “all / none of the above” as an option."), f"options.{n}"
            )


def no_option_stands_out(item: LintItem) -> Iterator[Finding]:
    """An option much longer than every other one is usually the key, and candidates know."""
    if len(item.options) < 3 or item.kind not in _CHOICE:
        return
    longest, second = sorted(range(len(item.options)), key=lambda n: -len(item.options[n]))[:2]
    long, next_long = len(item.options[longest]), len(item.options[second])
    if long >= MUCH_LONGER * next_long and long - next_long >= LONGER_BY:
        is_key = item.correct == (longest + 1,)
        yield Finding(
            "long_option",
            "warning" if is_key else "hint",
            msg("Option %(letter)s is much longer than the others.", letter=letter(longest + 1)),
            f"options.{longest + 1}",
        )


def options_are_parallel(item: LintItem) -> Iterator[Finding]:
    """Options of one kind: all numbers or none, all ending alike, nothing all share that belongs in the stem."""
    if item.kind not in _CHOICE or len(item.options) < 3:
        return
    numeric = [bool(_NUMERIC.fullmatch(text)) for text in item.options]
    if sum(numeric) == len(numeric) - 1:
        odd = numeric.index(False) + 1
        yield Finding("odd_one_out", "hint", msg("All options but %(letter)s are numbers.", letter=letter(odd)), f"options.{odd}")
    if len({text.endswith(("。", ".")) for text in item.options}) > 1:
        yield Finding("option_endings", "hint", msg("Some options end with a full stop and some do not."), "options")
    shared = _shared_start(item.options)
    if len(shared) >= 4 and not any(char.isdecimal() for char in shared):
        yield Finding(
            "shared_start",
            "hint",
            msg("All options begin with “%(text)s”: move it to the stem.", text=shared),
            "options",
        )


def _shared_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return next((low[:n] for n, char in enumerate(low) if char != high[n]), low)


def options_are_distinct(item: LintItem) -> Iterator[Finding]:
    """Options that differ only in punctuation or width read as the same."""
    seen: dict[str, int] = {}
    for n, text in enumerate(item.options, 1):
        form = normal_text(text)
        if form and form in seen:
            yield Finding(
                "same_options",
                "warning",
                msg(
                    "Options %(a)s and %(b)s differ in punctuation only.",
                    a=letter(seen[form]),
                    b=letter(n),
                ),
                f"options.{n}",
            )
        seen.setdefault(form, n)


def negative_is_rare(item: LintItem) -> Iterator[Finding]:
    """Choosing what is *not* so is easily misread; the word should at least stand out."""
    if item.kind != "true_false" and (found := _NEGATIVE.search(item.stem)):
        yield Finding("negative_stem", "hint", msg("A negative question: make “%(word)s” stand out.", word=found[1]), "stem")


def source_is_cited(item: LintItem) -> Iterator[Finding]:
    """The clause of the standard, textbook or rule that the key rests on."""
    if not item.source:
        yield Finding("no_source", "hint", msg("Say which clause the item rests on (依据)."), "source")


def keys_are_balanced(batch: Sequence[LintItem]) -> Iterator[Finding]:
    """Key letters over single-choice items with the same number of options, and true against false: chi-square at 1 %."""
    groups: dict[tuple[str, int], list[int]] = {}
    for item in batch:
        if len(item.correct) == 1 and len(item.options) > 1:
            groups.setdefault((item.kind, len(item.options)), []).append(item.correct[0])
    for (kind, options), keys in groups.items():
        if len(keys) < BATCH_NEEDED or options - 2 >= len(_CHI_SQUARE_99):
            continue
        counts = Counter(keys)
        expected = len(keys) / options
        chi_square = sum((counts[n] - expected) ** 2 / expected for n in range(1, options + 1))
        if chi_square > _CHI_SQUARE_99[options - 2]:
            listing = " ".join(f"{letter(n)} {counts[n]}" for n in range(1, options + 1))
            yield Finding(
                "key_balance",
                "warning",
                msg(
                    "Keys of %(n)s items (%(kind)s) are out of balance: %(listing)s.",
                    n=len(keys),
                    kind=kind,
                    listing=listing,
                ),
                "batch",
            )
