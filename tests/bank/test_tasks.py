"""Writing tasks: made by managers, seen first by writers, counted from what was made under them, late ones marked."""

import re
from typing import Any

import pytest
from sqlmodel import select

from itembank.tables import ItemVersion
from server.audit.tables import AuditRow
from server.bank import tasks
from server.bank.tables import TaskItem, WorkingDraft, WritingTask
from server.clock import FakeClock
from tests.bank.conftest import House, the_bank
from tests.bank.test_items import SINGLE
from tests.bank.test_reviews import SECOND, number, settings, vote

DUE = "2026-11-28"


def assign(house: House, bank: str, *who: str, **fields: str) -> list[WritingTask]:
    """Make tasks as the manager; the newest ones."""
    to = [str(house.people[name].person_id) for name in who]
    asked: dict[str, Any] = {"topic": "A-A", "kind": "single", "difficulty": "2", "n": "2", "due_on": DUE, **fields, "to": to}
    done = house.act("manager").post(f"{bank}/tasks", data=asked)
    assert done.status_code == 303, done.text
    with house.db() as db:
        return list(db.exec(select(WritingTask).order_by(WritingTask.id)).all())[-len(who) :]  # type: ignore[arg-type]


def made_for(house: House, bank: str, task: WritingTask, who: str = "writer", then: str = "submit", **form: str) -> str:
    done = house.act(who).post(f"{bank}/items", data={**SINGLE, **form, "task": str(task.id), "then": then})
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def home_tasks(house: House, bank: str, who: str = "writer") -> str:
    page = house.act(who).get(bank).text
    return page[page.index('id="my-work"') : page.index("stats")] if 'id="my-work"' in page else ""


def test_a_writer_sees_the_task_first_and_it_counts_what_is_made(house: House, bank: str) -> None:
    [task] = assign(house, bank, "writer", note="新版规程第 5 章")
    shown = home_tasks(house, bank)
    assert "新版规程第 5 章" in shown
    assert "已写 0 / 2，已批准 0" in shown
    form = house.act("writer").get(f"{bank}/items/new?task={task.id}").text
    assert f'name="task" value="{task.id}"' in form
    assert '<option value="single" selected>' in form
    assert "<option selected>2</option>" in form
    item = made_for(house, bank, task)
    assert "已写 1 / 2，已批准 0" in home_tasks(house, bank)
    made_for(house, bank, task, then="save", stem="第二道题（　）。")
    assert "1 题未提交" in home_tasks(house, bank)
    vote(house, item, "reviewer")
    vote(house, item, "reviewer2")
    assert "已写 2 / 2，已批准 1" in home_tasks(house, bank)
    page = house.act("writer").get(f"{bank}/tasks/{task.id}").text
    assert f"/items/{number(item)}" in page


def test_what_is_something_else_is_saved_and_does_not_count(house: House, bank: str) -> None:
    [task] = assign(house, bank, "writer")
    done = house.act("writer").post(f"{bank}/items", data={**SECOND, "task": str(task.id), "then": "save"})
    assert done.status_code == 303
    assert "不计入任务" in house.act("writer").get(done.headers["location"]).text
    with house.db() as db:
        assert db.exec(select(TaskItem)).all() == []


def test_only_one_s_own_open_task_counts(house: House, bank: str) -> None:
    [task] = assign(house, bank, "all_in_one")
    made_for(house, bank, task)
    with house.db() as db:
        assert db.exec(select(TaskItem)).all() == []
    assert house.act("writer").get(f"{bank}/tasks/{task.id}").status_code == 404
    assert house.act("manager").post(f"{bank}/tasks/{task.id}/close", data={"reason": "够了"}).status_code == 303
    assert house.act("manager").post(f"{bank}/tasks/{task.id}/close", data={}).status_code == 409
    made_for(house, bank, task, "all_in_one", stem="任务结束后写的题（　）。")
    with house.db() as db:
        assert db.exec(select(TaskItem)).all() == []


def test_one_task_for_each_and_late_ones_are_marked(house: House, bank: str, clock: FakeClock) -> None:
    first, second = assign(house, bank, "writer", "all_in_one", due_on="2026-11-21", n="1")
    assert {first.to_id, second.to_id} == {house.people[name].person_id for name in ("writer", "all_in_one")}
    assert "逾期" not in house.act("manager").get(f"{bank}/tasks").text
    made_for(house, bank, second, "all_in_one")
    clock.advance(11 * 3600)
    assert "逾期" not in house.act("manager").get(f"{bank}/tasks").text, "the day is not over"
    clock.advance(4.5 * 3600)
    with house.db() as db:
        late = [line.late for line in tasks.listed(db, the_bank(house), now=clock.now())]
    assert late == [True, False], "handed in is not late, approved or not"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"topic": "Z-Z"}, "没有这个鉴定范围"),
        ({"kind": "essay"}, "请选择题型"),
        ({"difficulty": "9"}, "难度为 1 到 5"),
        ({"n": "0"}, "题数为 1 到 200"),
        ({"n": "x"}, "题数为 1 到 200"),
        ({"due_on": "soon"}, "请填写截止日期"),
        ({"due_on": "2026-11-20"}, "该日期已过"),
        ({"note": "长" * 501}, "最多 500 字"),
        ({"to": ["987654"]}, "请选择命题人"),
        ({"to": []}, "请选择命题人"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_made(house: House, bank: str, wrong: dict[str, Any], said: str) -> None:
    writer = str(house.people["writer"].person_id)
    asked: dict[str, Any] = {"topic": "A-A", "kind": "", "difficulty": "", "n": "3", "due_on": DUE, "to": [writer], **wrong}
    refused = house.act("manager").post(f"{bank}/tasks", data=asked)
    assert refused.status_code == 422
    assert said in refused.text
    with house.db() as db:
        assert db.exec(select(WritingTask)).all() == []


def test_a_reviewer_or_a_stranger_is_not_asked_to_write(house: House, bank: str) -> None:
    for who in ("reviewer", "stranger"):
        asked = {"n": "3", "due_on": DUE, "to": [str(house.people[who].person_id)]}
        assert house.act("manager").post(f"{bank}/tasks", data=asked).status_code == 422
    assert house.act("writer").get(f"{bank}/tasks/new").status_code == 403
    [task] = assign(house, bank, "writer")
    stranger = house.act("stranger")
    for path in ("/tasks", "/tasks/new", f"/tasks/{task.id}"):
        assert stranger.get(f"{bank}{path}").status_code == 404, path
    for path in ("/tasks", f"/tasks/{task.id}/change", f"/tasks/{task.id}/close"):
        assert stranger.post(f"{bank}{path}", data={"n": "1", "due_on": DUE}).status_code == 404, path


def test_the_form_is_filled_from_a_shortage(house: House, bank: str) -> None:
    page = house.act("manager").get(f"{bank}/tasks/new?topic=A-A-A&kind=true_false&difficulty=3.4&n=17").text
    assert '<option value="A-A-A" selected' in page
    assert '<option value="true_false" selected>' in page
    assert "<option selected>3</option>" in page
    assert 'value="17"' in page
    odd = house.act("manager").get(f"{bank}/tasks/new?topic=%22%3E&kind=x&difficulty=inf&n=-3&item=x")
    assert odd.status_code == 200
    assert "&#34;&gt;" not in odd.text


def test_number_and_day_are_changed_with_a_trace(house: House, bank: str) -> None:
    [task] = assign(house, bank, "writer")
    page = f"{bank}/tasks/{task.id}"
    assert house.act("manager").post(f"{page}/change", data={"n": "0", "due_on": "x"}).status_code == 422
    assert house.act("manager").post(f"{page}/change", data={"n": "7", "due_on": "2026-12-24"}).status_code == 303
    with house.db() as db:
        assert db.get_one(WritingTask, task.id).wanted == 7
        row = db.exec(select(AuditRow).where(AuditRow.verb == "task.changed")).one()
    assert (row.detail["before"]["wanted"], row.detail["after"]["wanted"]) == (2, 7)
    assert "2026-12-24" in house.act("writer").get(page).text


def test_a_revision_is_asked_for_and_followed(house: House, bank: str) -> None:
    with house.db() as db:
        version = db.exec(select(ItemVersion).where(ItemVersion.kind == "true_false").limit(1)).one()
    item = f"{bank}/items/{version.item_id}"
    settings(house, bank, votes_needed="1", own_items_only="1")
    assert house.act("writer").get(item).status_code == 404
    assert "派人修订试题" in house.act("manager").get(f"{bank}/tasks/new?item={version.item_id}").text
    [task] = assign(house, bank, "writer", item=str(version.item_id), note="标准已更新")
    assert (task.wanted, task.topic, task.base_version) == (1, "", 1)
    assert house.act("writer").get(item).status_code == 200, "assigned items are seen"
    again = {"item": str(version.item_id), "due_on": DUE, "to": [str(house.people["all_in_one"].person_id)]}
    assert "已派人修订" in house.act("manager").post(f"{bank}/tasks", data=again).text
    assert "修订试题" in home_tasks(house, bank)
    changed = {"kind": "true_false", "topic": "A-A-A-001", "difficulty": "2", "truth": "1", "stem": "按新标准修订后的陈述。"}
    assert house.act("writer").post(f"{item}/edit", data={**changed, "then": "submit"}).status_code == 303
    assert "已写 1 / 1，已批准 0" in house.act("writer").get(f"{bank}/tasks").text
    vote(house, item, "reviewer")
    assert "已完成" in house.act("writer").get(f"{bank}/tasks").text
    assert home_tasks(house, bank) == ""


def test_a_draft_knows_its_task_and_the_next_is_begun(house: House, bank: str) -> None:
    first, second = assign(house, bank, "writer"), assign(house, bank, "writer")
    items = f"{bank}/items"
    for task in (first[0], second[0]):
        text = house.act("writer").get(f"{items}/new?task={task.id}").text
        hidden = dict(re.findall(r'<input type="hidden" name="(tab|base|task)" value="([^"]*)"', text))
        house.act("writer").post(f"{items}/preview", data={**SINGLE, **hidden, "stem": f"任务 {task.id} 的题"})
    with house.db() as db:
        assert db.exec(select(WorkingDraft.task_id)).all() == [first[0].id, second[0].id]
    assert f"任务 {first[0].id} 的题" in house.act("writer").get(f"{items}/new?task={first[0].id}").text
    assert f"任务 {second[0].id} 的题" in house.act("writer").get(f"{items}/new?task={second[0].id}").text
    on = made_for(house, bank, first[0], then="next")
    assert on == f"{items}/new?task={first[0].id}"
