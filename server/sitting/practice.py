"""The practice questions of the waiting room: same shape and controls as a paper, about nothing, stored nowhere.

Each language has its own text: unlike a paper, which is in the language it was written in, practice is part of the page.
"""

from typing import Any, NamedTuple


class _Words(NamedTuple):
    title: str
    sections: tuple[str, str, str]
    single: str
    multiple: str
    true_false: str
    true: str
    false: str


_WORDS = {
    "zh": _Words(
        "练习",
        ("单项选择题", "多项选择题", "判断题"),
        "练习题（不计分）：一天有多少小时？",
        "练习题（不计分）：哪些是偶数？可以选多项。",
        "练习题（不计分）：一分钟有六十秒。",
        "正确",
        "错误",
    ),
    "en": _Words(
        "Practice",
        ("Single choice", "Multiple choice", "True or false"),
        "Practice (does not count): how many hours has a day?",
        "Practice (does not count): which of these are even? Choose several.",
        "Practice (does not count): a minute has sixty seconds.",
        "True",
        "False",
    ),
}


def _item(slot: int, kind: str, stem: str, options: tuple[str, ...]) -> dict[str, Any]:
    return {
        "slot": slot,
        "kind": kind,
        "stem_html": f"<p>{stem}</p>",
        "options": [{"id": number, "html": text} for number, text in enumerate(options, start=1)],
        "fixed_order": True,
        "marks": 100,
    }


def _practice(words: _Words) -> dict[str, Any]:
    items = [
        _item(1, "single", words.single, ("12", "24", "36", "48")),
        _item(2, "multiple", words.multiple, ("2", "3", "4", "8")),
        _item(3, "true_false", words.true_false, (words.true, words.false)),
    ]
    return {
        "paper": {
            "form_id": 0,
            "label": "",
            "title": words.title,
            "duration_ms": 0,
            "digest": "practice",
            "sections": [
                {"kind": item["kind"], "title_zh": title, "count": 1, "marks_each": 100}
                for item, title in zip(items, words.sections, strict=True)
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
