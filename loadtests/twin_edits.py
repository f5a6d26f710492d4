"""Ten ways in which people make a "new" item of an old one, by seed: for measuring how many of them are noticed."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

FUNCTION_WORDS = (
    ("下列", "以下"), ("关于", "对于"), ("属于", "归于"), ("应该", "应当"), ("可以", "能够"), ("必须", "务必"), ("主要", "首要"),
    ("进行", "开展"), ("采用", "使用"), ("通常", "一般"), ("由于", "因为"), ("以及", "和"), ("但是", "然而"), ("如果", "若"),
    ("是指", "指的是"), ("正确的是", "说法对的是"), ("错误的是", "说法不对的是"),
    ("最", "较为"), ("哪个", "哪一个"), ("的是", "的为"),
)  # fmt: skip
PREFACES = ("根据有关规定，", "在实际工作中，", "一般情况下，", "从业人员应当知道，", "结合所学知识判断，")
_NEGATIONS = (("不属于", "属于"), ("不正确", "正确"), ("不是", "是"), ("属于", "不属于"), ("正确的", "不正确的"), ("是", "不是"))


@dataclass(frozen=True)
class Source:
    """A choice item as plain text; `correct` counts options from 0."""

    stem: str
    options: tuple[str, ...]
    correct: int


Edit = Callable[[Source, random.Random, Source], Source | None]


def typos(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """Two characters lost, doubled or exchanged."""
    text = item.stem
    for _ in range(2):
        at = rng.randrange(max(1, len(text) - 1))
        text = rng.choice(
            (text[:at] + text[at + 1 :], text[: at + 1] + text[at:], text[:at] + text[at : at + 2][::-1] + text[at + 2 :])
        )
    return replace(item, stem=text) if text != item.stem else None


def words(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """Other function words, wherever there are some."""

    def reworded(text: str) -> str:
        for old, new in FUNCTION_WORDS:
            text = text.replace(old, new)
        return text

    made = Source(reworded(item.stem), tuple(map(reworded, item.options)), item.correct)
    return made if made != item else None


def preface(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """A phrase put before the question."""
    return replace(item, stem=rng.choice(PREFACES) + item.stem)


def clauses(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """The first two clauses change places."""
    parts = item.stem.split("，")
    if len(parts) < 2 or min(map(len, parts[:2])) < 3:
        return None
    return replace(item, stem="，".join([parts[1], parts[0], *parts[2:]]))


def shortened(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """A fifth of the stem left out at its beginning or its end."""
    cut = len(item.stem) // 5
    if cut < 2:
        return None
    return replace(item, stem=item.stem[cut:] if rng.random() < 0.5 else item.stem[:-cut])


def one_option(item: Source, rng: random.Random, other: Source) -> Source | None:
    """One wrong option is another item's, and the options stand in another order."""
    wrong = [n for n in range(len(item.options)) if n != item.correct]
    out = rng.choice(wrong)
    options = [other.options[0] if n == out else option for n, option in enumerate(item.options)]
    order = rng.sample(range(len(options)), len(options))
    return Source(item.stem, tuple(options[n] for n in order), order.index(item.correct))


def other_options(item: Source, rng: random.Random, other: Source) -> Source | None:
    """All wrong options are another item's; of stems long enough to be known again."""
    if len(item.stem) < 16:
        return None
    options = tuple(o if n == item.correct else other.options[n % len(other.options)] for n, o in enumerate(item.options))
    return replace(item, options=options)


def numbers(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """Other numbers in stem and options."""

    def changed(text: str) -> str:
        return re.sub(r"\d+", lambda found: str(int(found[0][:9]) + 1 + rng.randrange(3)), text)

    made = Source(changed(item.stem), tuple(map(changed, item.options)), item.correct)
    return made if made != item else None


def negated(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """The question asked the other way round."""
    for old, new in _NEGATIONS:
        if old in item.stem:
            return replace(item, stem=item.stem.replace(old, new, 1))
    return None


def statement(item: Source, rng: random.Random, _other: Source) -> Source | None:
    """A true/false statement: the right option put into the blank, or behind the stem."""
    said = item.options[item.correct]
    text, blanks = re.subn(r"[（(]\s*[)）]|_{2,}", lambda _: said, item.stem, count=1)
    return Source(text if blanks else f"{item.stem.rstrip('？?：:。')}{said}。", (), 0)


EDITS: dict[str, Edit] = {
    "typos": typos,
    "function words": words,
    "preface": preface,
    "clause order": clauses,
    "shortened stem": shortened,
    "one option replaced": one_option,
    "wrong options replaced": other_options,
    "numbers": numbers,
    "negation": negated,
    "rewritten as true/false": statement,
}
