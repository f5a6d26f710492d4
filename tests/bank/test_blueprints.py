"""The blueprint editor: everything the model knows comes back as typed; live sums; the verdict; items kept apart."""

import json
import re
import sqlite3

import pytest
from sqlmodel import select

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody, InformationDemand, TopicFacts
from itembank.tables import Blueprint, FormSlot, Item, ItemVersion
from server import jobs
from server.bank import blueprint_form, blueprint_reader, calibration, charts, recount
from server.jobs import Job
from tests.bank.conftest import House
from tests.bank.papers import ask_for_papers, blueprint_fields, make_blueprint, make_papers
from tests.bank.test_items import SINGLE
from tests.itembank import banks

LIVE = {"hx-request": "true"}
TREE = banks.topics()


def fields_of(house: House, bank: str) -> dict[str, str]:
    return blueprint_fields(house.act("manager").get(f"{bank}/blueprints/new").text) | {"name": "方案", "old": ""}


def verdict_of(house: House, bank: str, fields: dict[str, str]) -> str:
    """What the script would show: the sums ask, the child answers."""
    client = house.act("manager")
    sums = client.post(f"{bank}/blueprints/check", data=fields, headers=LIVE).text
    asked = re.search(r'hx-get="(/bank/\d+/blueprints/verdict/\d+)"', sums)
    assert asked is not None, sums
    assert client.get(asked[1]).status_code == 204
    house.work()
    return client.get(asked[1], headers=LIVE).text


def demand(code: str, low: int, high: int, kind: str | None) -> dict[str, object]:
    return {"code": code, "low": low, "high": high, "kind": kind}


def test_every_demand_comes_back_as_typed() -> None:
    plan = banks.twenty_items(TREE, title="全").model_dump()
    plan |= {
        "sections": [*reversed(plan["sections"])],
        "topics": [*plan["topics"], demand("A-A-001", 0, 1, None), demand("A-B", 1, 2, "single")],
        "importance": [{"importance": "X", "low": 8, "high": 16}],
        "grades": [{"difficulty": 3, "low": 4, "high": 12}],
        "cognitive": [{"level": "应用", "low": 2, "high": 9}],
        "letters": [{"letter": "B", "low": 2, "high": 5}],
        "words": {"low": 200, "high": 4000},
        "information": [{"ability": -50, "low": 1500, "high": None}, {"ability": 100, "low": None, "high": None}],
    }  # fmt: skip
    body = BlueprintBody.model_validate(plan)
    form = blueprint_form.form_of("全", body, TREE)
    found = blueprint_reader.checked(form, TREE)
    assert found.problems == {}
    assert found.body is not None
    assert found.body.sections == body.sections
    by_key = {(demand.code, demand.kind): demand for demand in body.topics}
    assert {(demand.code, demand.kind): demand for demand in found.body.topics} == by_key
    rest = {"sections": (), "topics": ()}
    assert found.body.model_copy(update=rest) == body.model_copy(update=rest)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"fewest": "500", "longest": "200"}, "words", "对调"),
        ({"ability.0": "9"}, "information", "-6"),
        ({"ability.0": "0", "ability_low.0": "3", "ability_high.0": "2"}, "information", "对调"),
        ({"cognitive_low.0": "3"}, "cognitive", "认知层次"),
        ({"cognitive.0": "应用", "cognitive.1": "应用"}, "cognitive", "两次"),
        ({"low.grade 2": "30"}, "grades", "20"),
        ({"low.letter A": "x"}, "letter A", "整数"),
        ({"place.single": "0"}, "place.single", "整数"),
        ({"low.importance X": "9", "high.importance X": "3"}, "importance X", "X"),
    ],
)
def test_a_mistake_is_said_at_its_field(changes: dict[str, str], field: str, words: str) -> None:
    values = {"name": "方案", "minutes": "20", "total": "100", "pass_mark": "60", "forms": "3"}
    values |= {"count.single": "20", "marks.single": "5"}
    found = blueprint_reader.checked(blueprint_form.read_form(values | changes), TREE)
    assert found.body is None
    assert words in found.problems[field]


def test_weights_become_counts_by_largest_remainder_at_any_level() -> None:
    form = blueprint_form.BlueprintForm(level="2", weights={"A-A": "15", "A-B": "11"})
    found = blueprint_form.shares(form, TREE, 20)
    assert sum(share.count for share in found.values()) == 20
    assert (float(found["A-A"].exact), found["A-A"].count) == (3.0, 3)
    raised = [code for code, share in found.items() if share.is_raised]
    assert raised
    assert all(found[code].count - found[code].exact < 1 for code in raised)
    assert blueprint_form.shares(blueprint_form.BlueprintForm(level="1"), TREE, 20)["A"].count == 20
    proposed = blueprint_form.propose_importance(blueprint_form.BlueprintForm(), TREE, 20)
    assert (proposed.low["importance X"], proposed.high["importance X"]) == ("11", "13")
    letters = blueprint_form.propose_letters(blueprint_form.BlueprintForm(), 10)
    assert [(letters.low[f"letter {one}"], letters.high[f"letter {one}"]) for one in "ABCD"] == [("2", "4")] * 2 + [
        ("1", "3")
    ] * 2


def test_the_verdict_follows_what_is_typed(house: House, bank: str) -> None:
    fields = fields_of(house, bank)
    good = verdict_of(house, bank, fields)
    assert "可望组出 3 套" in good
    assert re.search(r'hx-swap-oob="innerHTML:#need-B-D">\s*<span class="nowrap">12 / \d+', good)
    assert 'hx-swap-oob="true"' in good, "the page stops asking"
    bad = verdict_of(house, bank, fields | {"low.letter A": "12", "forms": "10"})
    assert "题库无法组出 10 套这样的卷面" in bad
    assert "最少的补充办法" in bad
    asked = re.search(rf'href="({bank}/tasks/new\?topic=[^"]+)"', bad)
    assert asked is not None
    task = house.act("manager").get(asked[1].replace("&amp;", "&"))
    assert task.status_code == 200
    assert f'value="{re.findall(r"n=([0-9]+)", asked[1])[0]}"' in task.text
    with house.db() as db:
        assert len(db.exec(select(Job).where(Job.kind == jobs.JUDGE)).all()) == 1, "overtaken questions are forgotten"


def test_without_a_script_the_button_does_the_same(house: House, bank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(self: jobs.Jobs, job_id: int, seconds: float) -> Job | None:
        house.work()
        with house.db() as db:
            return db.get(Job, job_id)

    monkeypatch.setattr(jobs.Jobs, "wait", wait)
    fields = fields_of(house, bank)
    shown = house.act("manager").post(f"{bank}/blueprints/check", data=fields | {"low.B-D": "40", "high.B-D": "40"}).text
    assert "题库无法组出 3 套" in shown
    assert re.search(r'id="need-B-D"><span class="badge bad">', shown)
    assert blueprint_fields(shown)["low.B-D"] == "40"
    added = house.act("manager").post(
        f"{bank}/blueprints/check", data=fields | {"line_topic": "B-C-A-001", "line_kind": "single", "then": "line"}
    )
    assert 'name="low.B-C-A-001|single" value="1"' in added.text


WAIT = jobs.Jobs.wait
"""As it is outside these tests."""


def test_waiting_ends(house: House, bank: str) -> None:
    client = house.act("manager")
    client.post(f"{bank}/blueprints/check", data=fields_of(house, bank), headers=LIVE)
    with house.db() as db:
        number = db.exec(select(Job.id).where(Job.kind == jobs.JUDGE)).one()
    assert number is not None
    assert WAIT(house.app.state.jobs, number, 0.0) is None
    house.work()
    done = WAIT(house.app.state.jobs, number, 0.0)
    assert done is not None
    assert done.state == "done"


def test_a_verdict_is_its_asker_s_alone(house: House, bank: str) -> None:
    house.act("manager").post(f"{bank}/blueprints/check", data=fields_of(house, bank), headers=LIVE)
    with house.db() as db:
        number = db.exec(select(Job.id).where(Job.kind == jobs.JUDGE)).one()
    for who in ("second", "stranger"):
        assert house.act(who).get(f"{bank}/blueprints/verdict/{number}").status_code == 404


def test_all_kinds_of_demands_are_met_and_counted_again(house: House, bank: str) -> None:
    demands = {
        "low.letter A": "1",
        "high.letter A": "6",
        "fewest": "100",
        "longest": "3000",
        "low.grade 3": "1",
        "high.grade 3": "18",
    }
    blueprint = make_blueprint(house, bank, **demands, **{"low.importance X": "5", "high.importance X": "20"})
    page = make_papers(house, bank, blueprint)
    shown = house.act("manager").get(page).text
    assert "一致" in shown
    for words in ("答案 A", "阅读字数", "难度 3", "组卷报告", "没有放宽"):
        assert words in shown, words
    assert 'class="limit"' in shown
    assert "超出范围" not in shown
    stored = house.act("supervisor").get(f"{bank}/blueprints/{blueprint}").text
    assert "阅读字数" in stored


def test_items_kept_apart_do_not_meet(house: House, bank: str) -> None:
    client = house.act("manager")
    with house.db() as db:
        of_kind = select(Item.id).join(ItemVersion, ItemVersion.item_id == Item.id)  # type: ignore[arg-type]
        numbers = db.exec(of_kind.where(ItemVersion.kind == "true_false").order_by(Item.id)).all()  # type: ignore[arg-type]
    group = [str(number) for number in numbers[:20]]
    assert client.post(f"{bank}/enemies", data={"items": group[0], "reason": "x"}).status_code == 409
    assert client.post(f"{bank}/enemies", data={"items": " ".join(group), "reason": ""}).status_code == 422
    assert client.post(f"{bank}/enemies", data={"items": "、".join(group), "reason": "互相泄露答案"}).status_code == 303
    assert "互相泄露答案" in house.act("writer").get(f"{bank}/enemies").text
    assert "避开 1 组互斥试题" in house.act("manager").get(f"{bank}/blueprints/new").text
    make_papers(house, bank, make_blueprint(house, bank))
    with house.db() as db:
        slots = db.exec(select(FormSlot.form_id, FormSlot.item_id).where(FormSlot.item_id.in_(numbers[:20]))).all()  # type: ignore[attr-defined]
    forms = [form for form, _item in slots]
    assert len(forms) == len(set(forms))
    assert house.act("stranger").get(f"{bank}/enemies").status_code == 404
    assert house.act("manager").post(f"{bank}/enemies/1/end", data={"reason": "已修改"}).status_code == 303
    assert "还没有互斥题组" in client.get(f"{bank}/enemies").text
    assert client.post(f"{bank}/enemies/1/end", data={"reason": "再来"}).status_code == 409


def calibrate(house: House, slope: float) -> None:
    """As if every item of the bank had been in an exam with a model fitted; the exam itself is left out."""
    with house.db() as db:
        items = db.exec(select(Item.id, ItemVersion.id).join(ItemVersion, ItemVersion.item_id == Item.id)).all()  # type: ignore[arg-type]
    rows = []
    for slot, (item, version) in enumerate(items, 1):
        body = {"slope": {"value": slope}, "difficulty": {"value": (slot % 5 - 2) / 2}}
        rows.append((1, 1, 1, slot, 1, 1, item, version, 1, 600, 300, 0, json.dumps(body)))
    rows.append((1, 2, *rows[-1][2:-1], json.dumps({"slope": {"too_few": [20, 500]}})))
    with sqlite3.connect(house.app.state.dbs.write.url.database) as raw:  # which does not ask for the exam
        raw.executemany(f"INSERT INTO item_statistic VALUES ({', '.join('?' * 13)})", rows)
    raw.close()


def test_information_is_asked_of_calibrated_items_and_drawn(house: House, bank: str) -> None:
    assert "还没有已标定的试题" in house.act("manager").get(f"{bank}/blueprints/new").text
    calibrate(house, 1.2)
    with house.db() as db:
        known = calibration.estimates(db, 1)
    assert set(known.values()) >= {(1200, -1000), (1200, 1000)}
    assert "道试题版本有考试参数" in house.act("manager").get(f"{bank}/blueprints/new").text
    fields = fields_of(house, bank)
    assert "信息量要求超出题库能力" in verdict_of(house, bank, fields | {"ability.0": "0", "ability_low.0": "50"})
    wish = {"ability.0": "0", "ability_low.0": "50", "forms": "2"}
    page = make_papers(house, bank, make_blueprint(house, bank, **wish), forms="2")
    shown = house.act("manager").get(page).text
    assert "各套卷面的信息量" in shown
    assert shown.count("<polyline") == 2
    assert "要求信息量 50" in shown
    assert "一致" in shown


def test_progress_tells_the_search_and_a_stopped_one_can_be_tried_again(house: House, bank: str) -> None:
    blueprint = make_blueprint(house, bank)
    client = house.act("manager")
    making = client.post(f"{bank}/papers", data={"blueprint_id": str(blueprint), "seed": "41"}).headers["location"]
    with house.app.state.dbs.write.begin() as connection:
        told = {"so_far": {"stage": "search", "step": 96, "forms": 3, "met": 2, "missed": 1.5}}
        connection.execute(Job.__table__.update().where(Job.kind == "bank.make_papers").values(state="running", result=told))  # type: ignore[attr-defined]
    shown = client.get(making).text
    assert "3 套中已有 2 套满足全部要求" in shown
    assert "种子 41" in shown
    part = client.get(making, headers=LIVE).text
    assert "96" in part
    assert "<form" not in part, "what has the focus is not swapped away"
    with house.app.state.dbs.write.begin() as connection:
        connection.execute(Job.__table__.update().where(Job.kind == "bank.make_papers").values(state="cancelled"))  # type: ignore[attr-defined]
    assert 'name="seed" inputmode="numeric" value="41"' in client.get(making).text


def test_the_runway_names_the_first_cell_and_leads_to_tasks(house: House, bank: str) -> None:
    blueprint = make_blueprint(house, bank)
    make_papers(house, bank, blueprint)
    shown = house.act("manager").get(f"{bank}/papers").text
    assert "最先用完的是" in shown
    assert "最先用完的题目" in shown
    assert f"{bank}/tasks/new?topic=" in shown
    assert "最先用完的是" in house.act("supervisor").get(bank).text
    assert "tasks/new" not in house.act("supervisor").get(bank).text
    missing = house.act("manager").get(ask_for_papers(house, bank, blueprint, forms="10")).text
    if "题库无法组出" in missing:
        assert f"{bank}/tasks/new?topic=" in missing


def test_coverage_by_kind_and_as_a_workbook(house: House, bank: str) -> None:
    client = house.act("manager")
    shown = client.get(f"{bank}/coverage").text
    assert "各题型可用" in shown
    only = client.get(f"{bank}/coverage?short=1").text
    assert only.count("<tr") <= shown.count("<tr")
    book = client.get(f"{bank}/coverage.xlsx")
    assert book.content[:2] == b"PK"
    assert house.act("stranger").get(f"{bank}/coverage.xlsx").status_code == 404


def test_pictures_show_what_was_asked() -> None:
    bars = str(charts.grouped_bars([("B-C", [3, 4])], ["A", "B"], "图", [(3, 5)]))
    assert bars.count('class="limit"') == 3
    assert str(charts.histogram({1: 2}, (1, 2), "图", 2, {2: (1, 4)})).count('class="limit"') == 3
    lines = str(charts.curves((-1.0, 0.0, 1.0), [("A", (0.5, 1.0, 0.5)), ("B<", (0.4, 0.9, 0.4))], "图"))
    assert lines.count("<polyline") == 2
    assert "B&lt;" in lines
    assert "style=" not in bars + lines


def test_what_a_form_lacks_is_seen() -> None:
    plan = banks.small_body(TREE).model_copy(update={"max_per_leaf": 1})
    form = [PoolItem(n, n, n, "single", "A-A-001", "X", 2) for n in range(1, 4)]
    facts = [TopicFacts("A-A-001", "点", 3, is_leaf=True)]
    asked = recount.asked_of(plan, [form], facts)
    assert [(one.found, one.met) for one in asked] == [(["3"], [False])]
    lowered = {"lowered": [{"ability": 50, "wished": 3000, "given": 1470}]}
    assert "1.47" in recount.lowered_words(lowered)[0]
    assert InformationDemand(ability=50).low is None


def test_a_stored_blueprint_keeps_its_digest_when_opened_and_stored_unchanged(house: House, bank: str) -> None:
    first = make_blueprint(house, bank)
    client = house.act("manager")
    fields = blueprint_fields(client.get(f"{bank}/blueprints/{first}/edit").text)
    client.post(f"{bank}/blueprints/save", data=fields | {"old": str(first)})
    with house.db() as db:
        assert [row.retired_at for row in db.exec(select(Blueprint))] == [None]


def test_the_cognitive_level_of_an_item_is_written_and_shown(house: House, bank: str) -> None:
    client = house.act("writer")
    made = client.post(f"{bank}/items", data=SINGLE | {"cognitive": " 应用 "})
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    assert "<dt>认知层次</dt><dd>应用</dd>" in client.get(page).text
    assert 'name="cognitive" value="应用"' in client.get(f"{page}/edit").text
    assert '<option value="应用">' in house.act("manager").get(f"{bank}/blueprints/new").text
