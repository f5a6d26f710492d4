"""A day of writers and reviewers in the running demo: tasks, an item that came back with remarks, one revised after remarks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, BrowserContext

    from tests.tour import Passes

Fields = dict[str, str | float | bool]

ITEM: Fields = {
    "kind": "single",
    "topic": "A-A-A-001",
    "stem": "在潮湿场所使用手持式电动工具，应当选用（　　）。",
    "option_1": "Ⅱ类或Ⅲ类工具，并装设剩余电流动作保护器",
    "option_2": "Ⅰ类工具，外壳不必接地",
    "option_3": "任何一类工具，戴手套即可",
    "option_4": "自制的隔离工具",
    "correct": "1",
    "difficulty": "2",
    "source": "GB/T 3787",
}
RETURNED: Fields = ITEM | {
    "stem": "发现有人触电时，救护人首先应当（　　）。",
    "option_1": "使触电者脱离电源",
    "option_2": "用手拉开触电者",
    "option_3": "向触电者泼水",
    "option_4": "等待医生到场",
    "source": "",
}


def bring(made: BrowserContext, passes: Passes, names: dict[str, str]) -> None:
    """Do it through the pages; the numbers that the tour names."""
    names["task"] = _assign(
        passes.request(made, "bank"), "林致远", {"topic": "A-A", "kind": "single", "difficulty": "2", "n": "6"}
    )
    _assign(passes.request(made, "bank"), "林致远", {"topic": "B-A", "kind": "true_false", "difficulty": "", "n": "10"})
    writer = passes.request(made, "writer")
    names["revised"] = _hand_in(writer, ITEM | {"task": names["task"]})
    names["returned"] = _hand_in(writer, RETURNED | {"task": names["task"]})
    reviewer = passes.request(made, "reviewer")
    said: Fields = {"choice": "return", "note": "考点准确，表述再严谨一些。"}
    _post(
        reviewer,
        f"/bank/1/items/{names['revised']}/vote",
        said | {"on.options.2": "“外壳不必接地”过于明显，请换成常见错误做法。"},
    )
    said |= {"on.stem": "“首先”与“应当”并用，请精简。", "on.options.4": "此项与情境无关。", "on.source": "请写明依据条款。"}
    _post(reviewer, f"/bank/1/items/{names['returned']}/vote", said)
    again = ITEM | {
        "option_2": "Ⅰ类工具，并由监护人看护",
        "source": "GB/T 3787—2017 第 5 章",
        "change": "按意见更换乙项，补全依据。",
    }
    _post(passes.request(made, "writer"), f"/bank/1/items/{names['revised']}/edit", again | {"then": "submit"})


def _assign(request: APIRequestContext, name: str, asked: Fields) -> str:
    """A task for the writer of this name; its number."""
    page = request.get("/bank/1/tasks/new").text()
    found = re.search(rf'name="to" value="(\d+)"[^>]*><span>{name}</span>', page)
    due = re.search(r'name="due_on"[^>]*value="([^"]+)"', page)
    assert found is not None
    assert due is not None
    note = "按 2025 版职业标准，避免偏题。"
    _post(request, "/bank/1/tasks", asked | {"to": found[1], "due_on": due[1], "note": note})
    return max(re.findall(r"/bank/1/tasks/(\d+)", request.get("/bank/1/tasks").text()), key=int)


def _hand_in(request: APIRequestContext, item: Fields) -> str:
    return _post(request, "/bank/1/items", item | {"then": "submit"}).rsplit("/", 1)[1]


def _post(request: APIRequestContext, path: str, form: Fields) -> str:
    answer = request.post(path, form=form)
    if answer.status >= 400:
        raise RuntimeError(f"POST {path}: {answer.status} {answer.text()[:2000]}")
    return answer.url
