"""The practice questions of the waiting room: same shape and controls as a paper, about nothing, stored nowhere."""

from typing import Any


def _option(number: int, html: str) -> dict[str, Any]:
    return {"id": number, "html": html}


_ITEMS: list[dict[str, Any]] = [
    {
        "slot": 1,
        "kind": "single",
        "stem_html": "<p>练习题(不计分):一天有多少小时? <small>Practice: how many hours has a day?</small></p>",
        "options": [_option(1, "12"), _option(2, "24"), _option(3, "36"), _option(4, "48")],
        "fixed_order": True,
        "marks": 100,
    },
    {
        "slot": 2,
        "kind": "multiple",
        "stem_html": "<p>练习题(不计分):哪些是偶数? 可以选多项。 <small>Practice: which are even? Choose several.</small></p>",
        "options": [_option(1, "2"), _option(2, "3"), _option(3, "4"), _option(4, "8")],
        "fixed_order": True,
        "marks": 100,
    },
    {
        "slot": 3,
        "kind": "true_false",
        "stem_html": "<p>练习题(不计分):一分钟有六十秒。 <small>Practice: a minute has sixty seconds.</small></p>",
        "options": [_option(1, "正确"), _option(2, "错误")],
        "fixed_order": True,
        "marks": 100,
    },
]

PRACTICE: dict[str, Any] = {
    "paper": {
        "form_id": 0,
        "label": "",
        "title": "练习 Practice",
        "duration_ms": 0,
        "digest": "practice",
        "sections": [
            {"kind": item["kind"], "title_zh": title, "count": 1, "marks_each": 100}
            for item, title in zip(_ITEMS, ("单项选择题", "多项选择题", "判断题"), strict=True)
        ],
        "items": _ITEMS,
        "media": {},
    },
    "order": [[item["slot"], [option["id"] for option in item["options"]]] for item in _ITEMS],
}
