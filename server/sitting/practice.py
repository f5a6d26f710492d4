"""The practice questions of the waiting room: one of each kind, shaped like a paper, about nothing, stored nowhere.

Each language has its own text: unlike a paper, which is in the language it was written in, practice is part of the page.
"""

from typing import Any, NamedTuple


class _Words(NamedTuple):
    title: str
    sections: dict[str, str]
    single: str
    multiple: str
    true_false: str
    truths: tuple[str, str]
    fill_in: str
    matching: str
    pairs: dict[str, str]
    ordering: str
    sequence: tuple[str, ...]
    case: str
    numeric: str
    unit: str
    which: str
    shops: tuple[str, ...]


_WORDS = {
    "zh": _Words(
        "练习",
        {
            "single": "单项选择题",
            "multiple": "多项选择题",
            "true_false": "判断题",
            "fill_in": "填空题",
            "matching": "匹配题",
            "ordering": "排序题",
            "case_set": "案例题",
        },
        "练习题（不计分）：一天有多少小时？",
        "练习题（不计分）：哪些是偶数？可以选多项。",
        "练习题（不计分）：一分钟有六十秒。",
        ("正确", "错误"),
        "练习题（不计分）：一年有____个月，一周有____天。",
        "练习题（不计分）：为每个数选择它的两倍。",
        {"一": "二", "三": "六", "五": "十"},
        "练习题（不计分）：从小到大排列。",
        ("三十", "七", "一百"),
        "<p>练习材料（不计分）：小张买了 3 支铅笔，每支 2 元，又买了 1 块橡皮，1 元。</p>",
        "练习题（不计分）：小张一共花了多少钱？",
        "元",
        "练习题（不计分）：小张买的东西属于哪一类？",
        ("文具", "水果", "衣服"),
    ),
    "en": _Words(
        "Practice",
        {
            "single": "Single choice",
            "multiple": "Multiple choice",
            "true_false": "True or false",
            "fill_in": "Fill in",
            "matching": "Matching",
            "ordering": "Ordering",
            "case_set": "Case",
        },
        "Practice (does not count): how many hours has a day?",
        "Practice (does not count): which of these are even? Choose several.",
        "Practice (does not count): a minute has sixty seconds.",
        ("True", "False"),
        "Practice (does not count): a year has ____ months, a week has ____ days.",
        "Practice (does not count): choose for each number its double.",
        {"one": "two", "three": "six", "five": "ten"},
        "Practice (does not count): from the smallest to the largest.",
        ("thirty", "seven", "one hundred"),
        "<p>Practice (does not count): Zhang bought 3 pencils at 2 yuan each and 1 eraser at 1 yuan.</p>",
        "Practice (does not count): how much did Zhang spend?",
        "yuan",
        "Practice (does not count): what did Zhang buy?",
        ("Stationery", "Fruit", "Clothes"),
    ),
}


def _listed(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"id": number, "html": text} for number, text in enumerate(texts, start=1)]


def _items(words: _Words) -> list[dict[str, Any]]:
    case = {"stimulus": "practice", "stimulus_html": words.case}
    first, *others = words.pairs.values()
    asked: list[dict[str, Any]] = [
        {"kind": "single", "stem": words.single, "options": ("12", "24", "36", "48")},
        {"kind": "multiple", "stem": words.multiple, "options": ("2", "3", "4", "8")},
        {"kind": "true_false", "stem": words.true_false, "options": words.truths},
        {"kind": "fill_in", "stem": words.fill_in, "blanks": 2},
        {"kind": "matching", "stem": words.matching, "options": (*others, first), "prompts": _listed(tuple(words.pairs))},
        {"kind": "ordering", "stem": words.ordering, "options": words.sequence},
        {"kind": "numeric", "stem": words.numeric, "unit": words.unit, **case},
        {"kind": "single", "stem": words.which, "options": words.shops, **case},
    ]
    return [
        {name: value for name, value in one.items() if name not in ("stem", "options")}
        | {"slot": slot, "stem_html": f"<p>{one['stem']}</p>", "options": _listed(one.get("options", ()))}
        | {"fixed_order": True, "marks": 100}
        for slot, one in enumerate(asked, start=1)
    ]


def _practice(words: _Words) -> dict[str, Any]:
    items = _items(words)
    counts = {kind: 2 if kind == "case_set" else 1 for kind in words.sections}
    return {
        "paper": {
            "form_id": 0,
            "label": "",
            "title": words.title,
            "duration_ms": 0,
            "digest": "practice",
            "sections": [
                {"kind": kind, "title_zh": title, "count": counts[kind], "marks_each": 100}
                for kind, title in words.sections.items()
            ],
            "items": items,
            "media": {},
        },
        "order": [[item["slot"], [option["id"] for option in item["options"]]] for item in items],
    }


_PRACTICE = {language: _practice(words) for language, words in _WORDS.items()}


def practice(query: bytes) -> dict[str, Any]:
    """The practice paper in the language the query names (`lang=en`); Chinese for anything else."""
    return _PRACTICE["en" if query == b"lang=en" else "zh"]
