"""备案材料: rich text and formulas as the typesetter gets them, two people, the watermark, and what the PDF says."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from itembank.exchange import xlsx
from itembank.tables import Bank, Form, PaperSet
from server.audit.tables import AuditRow
from server.auth.staff import Staff
from server.bank import filing_prints
from server.bank.tables import PaperExport
from server.clock import FakeClock
from server.db import reading, transaction
from server.demo.bank import CONTENT
from server.keyring import Keyring
from server.records import rich, tex
from tests import factories, kinds
from tests.conftest import START
from tests.grading.world import forms_without_solver


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"I=\frac{U}{R}", ["seq", "I", "=", ["frac", "U", "R"]]),
        (r"U_{2N}^{2}", ["att", "U", ["seq", "2", "N"], "2"]),
        (r"\sqrt{3}", ["root", "3"]),
        (r"10^{-6}", ["seq", "1", ["att", "0", "", ["seq", "-", "6"]]]),
        (r"5\,\mathrm{kV}", ["seq", "5", "\u2009", ["up", "kV"]]),
        (r"\overline{B}", ["bar", "B"]),
        (r"K&gt;1", ["seq", "K", ">", "1"]),
        (r"\cos\varphi", ["seq", ["up", "cos"], "φ"]),
    ],
)
def test_formulas_become_trees(source: str, expected: object) -> None:
    assert tex.tree(source) == expected


@pytest.mark.parametrize("source", [r"\begin{matrix}1\end{matrix}", "a}b", "{a", r"\frac{1}", "x^"])
def test_what_is_not_known_is_shown_on_one_line(source: str) -> None:
    found = tex.tree(source)
    assert isinstance(found, list)
    assert found[0] == "up"


def test_every_formula_of_the_demo_is_set() -> None:
    figures = {path.name: path.read_bytes() for path in (CONTENT / "figures").iterdir()}
    items = xlsx.read_items((CONTENT / "items.xlsx").read_bytes(), figures=figures)
    assert not isinstance(items, list)
    texts = [html for item in items.items for html in (item.body.stem_html, *(option.html for option in item.body.options))]
    nodes = [node for text in texts for node in rich.tree(text) if isinstance(node, list)]
    kinds = {node[0] for node in nodes}
    assert {"math", "img", "table"} <= kinds
    assert [node for node in nodes if node[0] == "math" and node[1][:1] == ["up"] and "\\" in str(node)] == []


def test_tables_lists_and_odd_nesting() -> None:
    table = "<table><tr><th>a</th><td colspan='2'>b<sub>1</sub></td></tr></table>"
    assert rich.tree(table) == [["table", 3, [[1, 1, True, ["a"]], [2, 1, False, ["b", ["sub", ["1"]]]]]]]
    assert rich.tree("<ol start='3'><li>x</li><li>y</li></ol>") == [["ol", 3, [["x"], ["y"]]]]
    assert rich.tree("<b>a<i>b</b>c") == [["b", ["a", ["i", ["b"]]]], "c"]
    assert rich.tree("<p>甲</p>乙<br>") == [["p", ["甲"]], "乙", ["br"]]


SignIn = Callable[..., factories.SignedIn]


@pytest.fixture
def address(app: FastAPI, client: TestClient, clock: FakeClock, keyring: Keyring, sign_in: SignIn) -> str:
    """A sealed set of two forms; the first bank manager is signed in."""
    sign_in("bank_manager")
    forms_without_solver(app.state.dbs, keyring, clock)
    with reading(app.state.dbs) as db:
        bank, papers = db.exec(select(Bank.id)).one(), db.exec(select(PaperSet.id)).one()
    return f"/bank/{bank}/papers/{papers}/filing"


def text_of(pdf: bytes, folder: Path, order: str = "-layout") -> list[str]:
    assert pdf.startswith(b"%PDF-")
    file = folder / "filing.pdf"
    file.write_bytes(pdf)
    out = subprocess.run(["pdftotext", order, str(file), "-"], capture_output=True, check=True).stdout.decode()
    return ["".join(page.split()) for page in out.split("\f")[:-1]]


def institution_of(app: FastAPI) -> int:
    with reading(app.state.dbs) as db:
        return db.exec(select(Bank.institution_id)).one()


def test_two_people_print_the_sealed_forms(
    app: FastAPI, client: TestClient, clock: FakeClock, sign_in: SignIn, address: str, tmp_path: Path
) -> None:
    assert client.post(address, data={"recipient": "", "reason": "备案"}).status_code == 422
    wanted = {"recipient": "区技能人才评价管理服务中心", "reason": "报送备案", "with_keys": "true"}
    assert client.post(address, data=wanted).status_code == 303
    assert client.post(address, data=wanted).status_code == 409, "one at a time"
    assert client.post(f"{address}/1/decide", data={"decision": "agree"}).status_code == 403
    assert client.get(f"{address}/1/forms.pdf").status_code == 409
    home = institution_of(app)
    sign_in("bank_manager", institution_id=home)
    assert client.post(f"{address}/1/decide", data={"decision": "agree"}).status_code == 303
    answer = client.get(f"{address}/1/forms.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    pages = text_of(answer.content, tmp_path)
    with reading(app.state.dbs) as db:
        digests = db.exec(select(Form.digest)).all()
        fetched = db.exec(select(AuditRow).where(AuditRow.verb == "papers.exported")).one()
    assert fetched.detail["with_keys"] is True
    assert all(digest in pages[0] for digest in digests if digest)
    for page in pages:  # the watermark runs slantwise: its characters are there, not its lines
        assert set("仅供区技能人才评价管理服务中心备案") <= set(page)
        assert page.count("仅") >= 10
    whole = "".join(pages)
    assert "A卷" in whole
    assert "B卷标准答案" in whole
    assert whole.count("下列说法正确的是") >= 10
    sign_in("bank_manager", institution_id=home)
    assert client.get(f"{address}/1/forms.pdf").status_code == 409, "not for a third person"
    sign_in("bank_manager")
    assert client.get(address).status_code == 404
    assert client.get(f"{address}/1/forms.pdf").status_code == 404


def test_every_kind_of_question_is_printed(
    app: FastAPI, client: TestClient, clock: FakeClock, keyring: Keyring, sign_in: SignIn, tmp_path: Path
) -> None:
    sign_in("bank_manager")
    kinds.paper(app.state.dbs, keyring, clock)
    with reading(app.state.dbs) as db:
        bank, papers = db.exec(select(Bank.id)).one(), db.exec(select(PaperSet.id)).one()
    address, home = f"/bank/{bank}/papers/{papers}/filing", institution_of(app)
    wanted = {"recipient": "区中心", "reason": "报送备案", "with_keys": "true"}
    assert client.post(address, data=wanted).status_code == 303
    sign_in("bank_manager", institution_id=home)
    assert client.post(f"{address}/1/decide", data={"decision": "agree"}).status_code == 303
    whole = "".join(text_of(client.get(f"{address}/1/forms.pdf").content, tmp_path, "-raw"))
    words = ("填空题（1题", "计算填空题（2题", "匹配题（1题", "排序题（1题", "（单位：A）", "(1)电流")
    for said in (*words, *kinds.MATCH_OPTIONS, *kinds.STEPS):
        assert said in whole, said
    assert whole.count("某支路电压为220V") == 1, "the shared text stands once, above the first of its questions"
    assert "标准答案" in whole
    assert "交流电" in whole.split("标准答案")[-1]


def test_the_file_goes_after_a_day() -> None:
    row = PaperExport(paper_set_id=1, recipient="区中心", reason="备案", with_keys=False, asked_at=START, asked_by=1)
    asker, decider, third = (Staff(n, "甲", "a", 1, frozenset({"bank_manager"}), None) for n in (1, 2, 3))
    assert filing_prints.waits(row, START + timedelta(days=3))
    assert not filing_prints.waits(row, START + timedelta(days=3, seconds=1))
    assert not filing_prints.may_fetch(row, asker, START)
    row.decided_at, row.decided_by, row.agreed = START, 2, True
    for who in (asker, decider):
        assert filing_prints.may_fetch(row, who, START + timedelta(days=1))
        assert not filing_prints.may_fetch(row, who, START + timedelta(days=1, seconds=1))
    assert not filing_prints.may_fetch(row, third, START)
    row.agreed = False
    assert not filing_prints.may_fetch(row, asker, START)


def test_an_opened_set_is_not_printed(app: FastAPI, client: TestClient, clock: FakeClock, sign_in: SignIn, address: str) -> None:
    client.post(address, data={"recipient": "区中心", "reason": "报送备案"})
    home = institution_of(app)
    sign_in("bank_manager", institution_id=home)
    client.post(f"{address}/1/decide", data={"decision": "agree"})
    assert client.get(f"{address}/1/forms.pdf").status_code == 200
    with transaction(app.state.dbs) as db:
        for form in db.exec(select(Form)):
            form.state = "opened"
    assert client.get(f"{address}/1/forms.pdf").status_code == 409
    assert "只有已封卷且未拆封" in client.get(address).text
