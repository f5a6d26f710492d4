"""Importing: mistakes by row and column, columns by hand, good rows only, two people, nothing stored before."""

import io

import xlsxwriter
from python_calamine import CalamineWorkbook
from sqlmodel import select

from itembank.tables import ImportBatch, Item
from server import jobs
from server.bank.tables import Upload
from tests.bank.conftest import CONTENT, House, figures_zip, sample_of, upload

HEAD = ["题型", "鉴定点代码", "题干", "选项A", "选项B", "选项C", "选项D", "答案", "难度", "依据"]
GOOD = ["单选题", "A-A-A-001", "电工上岗前首先应当（　）。", "领取工资", "接受安全培训", "更换工装", "登记考勤", "B", "2", "规程"]
GOOD2 = ["判断题", "A-A-A-001", "电工应当遵守职业守则。", "", "", "", "", "正确", "1", "守则"]
BAD = ["单选题", "Z-Z-Z-999", "配电箱的外壳应当（　）。", "接地", "悬空", "涂漆", "加热", "是", "9", "规程"]


def sheet(*rows: list[str]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        page = book.add_worksheet("试题")
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                page.write_string(r, c, value)
    return out.getvalue()


def read_in(house: House, bank: str, data: bytes, name: str = "试题.xlsx", **more: tuple[str, bytes]) -> str:
    page = upload(house.act("manager"), f"{bank}/imports", name, data, **more)
    house.work()
    return page


def test_mistakes_are_named_by_row_and_column_and_nothing_is_stored(house: House, bank: str) -> None:
    page = read_in(house, bank, sheet(HEAD, GOOD, BAD))
    shown = house.act("manager").get(page).text
    assert "处错误，未入库" in shown
    table = shown.partition("<tbody>")[2]
    for expected in (">3<", ">B <", ">H <", ">I <", "Z-Z-Z-999"):
        assert expected in table, expected
    with house.db() as db:
        assert len(db.exec(select(ImportBatch)).all()) == 1
    answer = house.act("manager").post(f"{page}/store")
    assert answer.status_code == 409


def test_good_rows_may_come_in_without_the_others_which_are_listed(house: House, bank: str) -> None:
    page = read_in(house, bank, sheet(HEAD, GOOD, BAD, GOOD2))
    listed = house.act("manager").get(f"{page}/refused.xlsx").content
    rows = CalamineWorkbook.from_filelike(io.BytesIO(listed)).get_sheet_by_index(0).to_python()
    assert {row[0] for row in rows[1:]} == {3.0}
    house.act("manager").post(f"{page}/store", data={"only_good": "1"})
    house.work()
    batch_page = house.act("manager").get(page).headers["location"]
    batch_id = int(batch_page.rpartition("/")[2])
    assert len(sample_of(house, batch_id)) == 2
    with house.db() as db:
        row = db.exec(select(Upload).where(Upload.batch_id == batch_id)).one()
    assert row.data is None
    again = house.act("manager").post(f"{page}/store", data={"only_good": "1"})
    assert again.status_code == 409


def test_the_importer_does_not_approve_and_is_told_why(house: House, bank: str) -> None:
    page = read_in(house, bank, sheet(HEAD, GOOD, GOOD2))
    house.act("manager").post(f"{page}/store")
    house.work()
    batch_page = house.act("manager").get(page).headers["location"]
    batch_id = int(batch_page.rpartition("/")[2])
    shown = house.act("manager").get(batch_page).text
    assert "导入须由第二人审定" in shown
    assert "这批试题由您导入" in shown
    read = {"read": [str(n) for n in sample_of(house, batch_id)]}
    assert house.act("manager").post(f"{batch_page}/approve", data=read).status_code == 409
    unread = house.act("reviewer").post(f"{batch_page}/approve", data={"read": read["read"][:1]})
    assert unread.status_code == 409
    assert "未阅读" in unread.text
    assert house.act("reviewer").post(f"{batch_page}/reject", data={"note": ""}).status_code == 422
    assert house.act("reviewer").post(f"{batch_page}/approve", data=read).status_code == 303
    with house.db() as db:
        assert len(db.exec(select(Item).where(Item.import_batch_id == batch_id)).all()) == 2


def test_a_rejected_import_never_shows(house: House, bank: str) -> None:
    page = read_in(house, bank, sheet(HEAD, GOOD))
    house.act("manager").post(f"{page}/store")
    house.work()
    batch_page = house.act("manager").get(page).headers["location"]
    house.act("second").post(f"{batch_page}/reject", data={"note": "来源不明"})
    assert "来源不明" in house.act("manager").get(batch_page).text
    assert "接受安全培训" not in house.act("manager").get(f"{bank}/items?q=电工上岗前").text
    assert "没有符合条件" in house.act("manager").get(f"{bank}/items?q=电工上岗前").text


def test_columns_are_chosen_by_hand_and_defaults_fill_in(house: House, bank: str) -> None:
    csv = "问题,甲,乙,丙,丁,对的\n电工上岗前首先应当（　）。,领取工资,接受安全培训,更换工装,登记考勤,B\n"
    page = read_in(house, bank, csv.encode("gb18030"), "题.csv")
    shown = house.act("manager").get(page).text
    assert "各列的含义" in shown
    assert "接受安全培训" in shown
    columns = {"column_stem": "A", "column_option_a": "B", "column_option_b": "C", "column_option_c": "D"}
    columns |= {"column_option_d": "E", "column_key": "F", "default_kind": "by_key", "default_topic": "A-A-A-001", "sheet": "CSV"}
    house.act("manager").post(f"{page}/columns", data=columns)
    house.work()
    assert "没有发现错误" in house.act("manager").get(page).text


def test_what_the_bank_has_is_a_mistake_too(house: House, bank: str) -> None:
    data = (CONTENT / "items.xlsx").read_bytes()
    page = read_in(house, bank, data, figures=("f.zip", figures_zip()))
    assert "题库中已有相同试题" in house.act("manager").get(page).text


def test_figures_that_do_more_than_draw_are_refused(house: House, bank: str) -> None:
    evil = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    page = read_in(house, bank, sheet(HEAD, GOOD), figures=("f.zip", figures_zip(evil_svg=evil)))
    shown = house.act("manager").get(page).text
    assert "evil.svg" in shown
    assert "不能安全显示" in shown


def test_a_file_that_is_no_sheet_is_one_mistake(house: House, bank: str) -> None:
    page = read_in(house, bank, b"\x00\x01\x02 not a sheet")
    assert "处错误，未入库" in house.act("manager").get(page).text


def test_a_queued_reading_can_be_stopped_and_given_up(house: House, bank: str) -> None:
    client = house.act("manager")
    page = upload(client, f"{bank}/imports", "试题.xlsx", sheet(HEAD, GOOD))
    client.post(f"{page}/cancel")
    house.work()
    assert "已停止" in client.get(page).text
    client.post(f"{page}/give-up")
    with house.db() as db:
        assert db.exec(select(Upload).where(Upload.closed)).all()
        assert db.exec(select(jobs.Job).where(jobs.Job.state == "done", jobs.Job.kind == "bank.store_items")).all()


def test_the_progress_block_polls_and_then_moves_on(house: House, bank: str) -> None:
    client = house.act("manager")
    page = upload(client, f"{bank}/imports", "试题.xlsx", sheet(HEAD, GOOD))
    waiting = client.get(page, headers={"hx-request": "true"})
    assert 'hx-trigger="every 1s"' in waiting.text
    assert "<html" not in waiting.text
    house.work()
    assert client.get(page, headers={"hx-request": "true"}).headers["hx-redirect"] == page


def test_a_content_table_with_mistakes_is_not_stored(empty_house: House) -> None:
    broken = sheet(["一级名称", "一级代码", "一级重要程度比例", "一级鉴定比重", "鉴定点代码", "鉴定点名称", "重要程度", "页码"])
    answer = empty_house.act("manager").post("/bank/syllabus/import", files={"file": ("表.xlsx", broken)})
    assert answer.status_code == 422
    assert "处错误，未入库" in answer.text
    assert empty_house.act("writer").get("/bank/syllabus/import").status_code == 403


def test_a_self_built_bank_is_used_once(house: House) -> None:
    data = {"code": "X", "name": "新库", "syllabus_id": "1", "provenance": "self_built", "policy": "capped", "cap": "3"}
    answer = house.act("manager").post("/bank/new", data=data)
    assert answer.status_code == 422
    assert "自建题库的试题不得重复使用" in answer.text
