"""What a day at a centre brings (an import with mistakes, a shortage, an incident, a proposal waiting for a second person …).

`enrich` does it in the running demo, so that every page of the tour has something to show.
"""

import io
import re
import sys

import xlsxwriter
from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page

from server.demo.bank import CONTENT
from tests import trouble, writing
from tests.tour import Demo, Passes, post, until


def enrich(running: Browser, demo: Demo) -> dict[str, str]:
    """Do what gives every page something to show; the ids that the paths of the stops name."""
    url = demo.url
    made = running.new_context(base_url=url, extra_http_headers={"Origin": url})
    passes = Passes(running, url)
    names: dict[str, str] = {}
    _bank(made, passes, names)
    _items(made, passes, names)
    writing.bring(made, passes, names)
    _room(made, passes)
    trouble.bring(demo.data_dir)
    trouble.report(url, *demo.candidates()[1])
    _results(made, passes, names)
    made.close()
    return names


def _upload(request: APIRequestContext, path: str, data: bytes) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = request.post(path, multipart={"file": {"name": "题目.xlsx", "mimeType": kind, "buffer": data}})
    if answer.status >= 400:
        raise RuntimeError(f"POST {path}: {answer.status}")
    return answer.url.rsplit("/", 1)[1]


def _bank(made: BrowserContext, passes: Passes, names: dict[str, str]) -> None:
    request = passes.request(made, "bank")
    names["syllabus_upload"] = _upload(request, "/bank/syllabus/import", (CONTENT / "syllabus.xlsx").read_bytes())
    names["upload"] = _upload(request, "/bank/1/imports", _mistaken_items())
    names["text_upload"] = _upload(request, "/bank/1/imports", TEXT_LIST.encode("gb18030"))
    form: dict[str, str | float | bool] = {
        "format": "xlsx",
        "topic": "A-A",
        "keys": "1",
        "reason": "送区技能人才评价管理服务中心抽查",
    }
    for name in ("export", "exported"):
        names[name] = post(request, "/bank/1/exports", form).rsplit("/", 1)[1]
    post(passes.request(made, "bank2"), f"/bank/1/exports/{names['exported']}/decide", {"decision": "agree"})
    request = passes.request(made, "bank")
    copy = request.get("/bank/1/blueprints/new?copy=1").text()
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', copy))
    stored = post(request, "/bank/1/blueprints/save", {**fields, "name": "电工四级 20 题（修订）", "old": ""})
    found = re.findall(r"/bank/1/blueprints/(\d+)", request.get("/bank/1/papers").text())
    names["blueprint"] = max(found, key=int) if found else stored.rsplit("/", 1)[1]
    post(request, "/bank/1/enemies", {"items": "3, 8", "reason": "第 3 题的题干给出了第 8 题的答案"})
    names["newer"] = _edited_table(made, passes)
    names["papers"] = _made(request, seed=3)
    _experts(made, passes, names)
    request = passes.request(made, "bank")
    names["infeasible"] = _made(request, seed=4)


def _edited_table(made: BrowserContext, passes: Passes) -> str:
    """A second version of the content table: one knowledge point renamed, one moved; its number."""
    page = made.new_page()
    page.goto(f"{passes.url}/bank/syllabus/1/edit")
    page.locator('input[aria-label$=" B-C-C-007"].name').fill("伺服电动机与步进电动机")
    page.locator('input[aria-label$=" B-G-A-001"].move').fill("B-G-B")
    page.locator('input[aria-label$=" B-G-A-001"].code').fill("009")
    page.locator('tr:has(input[aria-label$=" B-G-A"].code) input[type=checkbox]').check()
    page.locator('input[aria-label$=" B-G-B"].weight').fill("5")
    page.locator("aside .btn.primary").click()
    page.wait_for_url(re.compile(r"/bank/syllabus/\d+$"))
    number = page.url.rsplit("/", 1)[1]
    page.close()
    return number


def _experts(made: BrowserContext, passes: Passes, names: dict[str, str]) -> None:
    """Two experts are named; one of them sends form A back."""
    page = f"/bank/1/papers/{names['papers']}"
    named = re.findall(r'name="person_id" value="(\d+)"[^>]*><span>(?:苏敏|叶青)', passes.request(made, "bank").get(page).text())
    if len(named) != 2:
        raise RuntimeError(f"experts to name: {named}")
    body = "&".join(f"person_id={number}" for number in named)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    if made.request.post(f"{page}/experts", data=body, headers=kind).status >= 400:
        raise RuntimeError("the experts were not named")
    waiting = passes.request(made, "reviewer").get("/bank/1/reviews").text()
    forms = re.findall(rf"{page}/forms/(\d+)/reading", waiting)
    names["form_rejected"], names["form_read"] = forms[0], forms[1]
    said = {"remark.7": "题干与 C 项重复，建议更换。", "opinion": "reject"}
    post(made.request, f"{page}/forms/{forms[0]}/reading", {**said})
    post(passes.request(made, "officer"), "/exams/2/override", _OVERRIDE)


_OVERRIDE: dict[str, str | float | bool] = {
    "seat_binding": "true",
    "late_entrant_gets_full_time": "true",
    "latest_entry": "30",
    "earliest_hand_in": "30",
    "outage_credit_max": "45",
    "reason": "机房更换设备，须按座位核对",
}


def _made(request: APIRequestContext, seed: int) -> str:
    """Have a set made: its id, or the id of the job that says why not."""
    where = post(
        request, "/bank/1/papers", {"blueprint_id": "1", "seed": str(seed), "forms": "3", "title": "电工四级理论知识试卷"}
    )

    def ended() -> str | None:
        answer = request.get(where)
        return None if "hx-trigger" in answer.text() else answer.url.rsplit("/", 1)[1]

    return until(ended)


def _items(made: BrowserContext, passes: Passes, names: dict[str, str]) -> None:
    passes.wear(made, "writer")
    item = {
        "kind": "single",
        "topic": "A-A-A-001",
        "stem": "电工作业前，首先应当（　　）。",
        "option_1": "办理工作票并核对设备名称和编号",
        "option_2": "直接合闸试运行",
        "option_3": "拆除全部接地线",
        "option_4": "请非专业人员监护",
        "correct": "1",
        "difficulty": "2",
        "source": "GB 26860 第 5 条",
    }
    page = made.new_page()
    for name, hand_in in (("draft", False), ("in_review", True)):
        page.goto(f"{passes.url}/bank/1/items/new")
        names[name] = _write(page, item, hand_in=hand_in)
        item |= {"stem": "使用绝缘手套前，应当检查（　　）。", "option_1": "有无破损、漏气并在试验有效期内"}
    alike = ("技术标准的汇编", "经济指标的集合", "行为规范的总和", "法律条文的摘要")
    item |= {"stem": "职业道德是从业人员在职业活动中必须遵循的（　　）。", "correct": "3"}
    item |= {f"option_{number}": text for number, text in enumerate(alike, 1)}
    post(made.request, post(made.request, "/bank/1/items", {**item}) + "/submit", {})
    page.close()
    _kinds(made.request, names)
    post(passes.request(made, "bank"), "/bank/1/quarantine", {"item": "241", "reason": "网上出现与本题相同的文字，待查"})


def _kinds(request: APIRequestContext, names: dict[str, str]) -> None:
    """A matching item, and a case set that waits for reviewers."""
    base = {"topic": "A-A-A-001", "difficulty": "3", "source": "GB 26860 第 6 条", "then": "save"}
    match = base | {"kind": "matching", "stem": "请为各导线选择规定的颜色。", "extras_1": "棕色"}
    pairs = enumerate((("保护线", "黄绿双色"), ("中性线", "淡蓝色"), ("L1 相线", "黄色")), 1)
    match |= {f"{name}_{n}": text for n, pair in pairs for name, text in zip(("prompts", "matches"), pair, strict=True)}
    names["matching"] = post(request, "/bank/1/items", match).rsplit("/", 1)[1]
    text = (
        "某车间配电柜跳闸。值班电工甲未停电、未验电即打开柜门检查，右手触及 \\(L_1\\) 相母排，被电击倒地，同事乙立即拉下总开关。"
    )
    case = post(request, "/bank/1/cases", {"title": "", "text": text, "then": "save"})
    names["case"] = case.rsplit("/", 1)[1]
    base |= {"case": names["case"]}
    questions = (
        {"kind": "fill_in", "stem": "打开柜门检查前，应当先停电、____、挂接地线。", "answer_1": "验电"},
        {
            "kind": "ordering",
            "stem": "请排列触电急救的次序。",
            "steps_1": "脱离电源",
            "steps_2": "判断意识和呼吸",
            "steps_3": "心肺复苏",
        },
        {
            "kind": "numeric",
            "stem": "人体电阻按 1000 Ω、相电压按 220 V 计，通过人体的电流是多少？",
            "number": "220",
            "unit": "mA",
        },
    )
    for question in questions:
        post(request, "/bank/1/items", base | question)
    post(request, f"{case}/submit", {})


def _write(page: Page, item: dict[str, str], *, hand_in: bool) -> str:
    """Write an item in the editor; its id."""
    for name, value in item.items():
        field = page.locator(f"[name='{name}']")
        if not field.count():
            continue
        kind = field.first.evaluate("one => one.type || one.tagName")
        if kind in ("radio", "checkbox"):
            page.locator(f"[name='{name}'][value='{value}']").check()
        elif kind.startswith("select"):
            field.first.select_option(value)
        else:
            field.first.fill(value)
    page.locator("[data-save]").first.click()
    page.wait_for_url(re.compile(r"/items/\d+"))
    number = page.url.rsplit("/items/", 1)[1].split("/")[0]
    if hand_in:
        answer = page.request.post(f"{page.url.split('/bank')[0]}/bank/1/items/{number}/submit")
        if answer.status >= 400:
            raise RuntimeError(f"item {number} was not handed in: {answer.status}")
    return number


TEXT_LIST = """一、单选题
1. 检修低压配电装置前，首先应当（　）。
A. 停电、验电  B. 更换熔体  C. 清扫灰尘
答案：A  难度：2
2. 使用人字梯登高作业时，下列做法正确的是（　）。
A. 站在最高一级  B. 骑坐移动梯子  C. 有人扶持
二、判断题
3. 在金属容器内作业应当使用安全电压照明。（√）
"""


def _mistaken_items() -> bytes:
    """Three rows, two of them broken."""
    head = ("题型", "鉴定点代码", "题干", "选项A", "选项B", "选项C", "选项D", "答案", "难度", "依据")
    rows = (
        (
            "单选题",
            "A-A-A-001",
            "验电前应先在有电设备上试验，目的是（　　）。",
            "确认验电器良好",
            "放电",
            "接地",
            "短路",
            "A",
            "2",
            "GB 26860",
        ),
        ("单选题", "A-A-A-001", "停电后应立即（　　）。", "验电", "离开", "合闸", "", "E", "2", "GB 26860"),
        ("判断题", "X-X-X-999", "在潮湿场所可以使用 220 V 的手持照明灯。", "", "", "", "", "错误", "9", "GB 16895"),
    )
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("试题")
        for number, row in enumerate((head, *rows)):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


def _room(made: BrowserContext, passes: Passes) -> None:
    request = passes.request(made, "invigilator")
    post(request, "/board/2/act/message?room=2", {"width": "all", "text": "请核对姓名和准考证号；考试还有二十分钟。"})
    post(request, "/board/2/act/credit", {"entry": "2", "minutes": "8", "reason": "键盘故障，更换用时八分钟"})
    page = made.new_page()
    page.goto(f"{passes.url}/board/2/incidents")
    for field in page.locator("main form select").all():
        field.select_option(index=1)
    for name, text in (("text", "1 号机位键盘失灵。"), ("action_taken", "已更换键盘，考生继续作答。")):
        page.locator(f"main form [name={name}]").first.fill(text)
    page.locator("main form .btn.primary").first.click()
    page.goto(f"{passes.url}/exam")  # this PC now waits to be bound
    page.close()


def _results(made: BrowserContext, passes: Passes, names: dict[str, str]) -> None:
    request = passes.request(made, "results")
    found = re.findall(r"corrections/new\?form_id=(\d+)&amp;slot=3\b", request.get("/results/1/items").text())
    names["form"] = found[0]
    form: dict[str, str | float | bool] = {"form_id": found[0], "slot": "5", "kind": "new_key", "correct": "2"}
    post(request, "/results/1/corrections", {**form, "reason": "依据 GB/T 13869 第 6 条，乙项正确。"})


if __name__ == "__main__":
    sys.exit("run tests.screenshots")
