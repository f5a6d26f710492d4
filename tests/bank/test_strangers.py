"""Another institution's bank is not there: every page and act answers 404."""

import hashlib

from sqlmodel import select

from itembank.exchange.safe_figures import svg_is_plain
from itembank.tables import Media
from tests.bank.conftest import CONTENT, House
from tests.bank.papers import forms_of, make_blueprint, make_papers

PAGES = (
    "", "/coverage", "/ledger", "/items", "/exports", "/items/1", "/items/new", "/items/1/edit", "/reviews",
    "/imports", "/imports/template.xlsx", "/imports/2", "/imports/2/refused.xlsx", "/batches/1", "/papers",
    "/blueprints/new", "/blueprints/1", "/blueprints/1/edit", "/papers/1", "/settings",
)  # fmt: skip
ACTS = (
    "/items", "/items/preview", "/items/figure", "/items/discard", "/items/1/edit", "/items/1/preview", "/items/1/figure",
    "/items/1/discard", "/items/1/submit", "/items/1/retire", "/imports/2/columns", "/imports/2/store",
    "/imports/2/cancel", "/imports/2/give-up", "/batches/1/approve", "/blueprints/check", "/blueprints/save",
    "/blueprints/1/retire", "/blueprints/1/runway", "/papers/1/seal", "/settings",
)  # fmt: skip
FILLED = {
    "/items/1/vote": {"choice": "approve"},
    "/batches/1/reject": {"note": "x"},
    "/papers": {"blueprint_id": "1"},
    "/papers/1/withdraw": {"reason": "x"},
    "/papers/1/withdraw/decide": {"decision": "agree"},
}


def test_strangers_find_nothing(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    form = forms_of(house, page)[0]
    stranger = house.act("stranger")
    found = [path for path in PAGES if stranger.get(f"{bank}{path}").status_code != 404]
    found += [path for path in ACTS if stranger.post(f"{bank}{path}", data={"name": "x"}).status_code != 404]
    found += [path for path, data in FILLED.items() if stranger.post(f"{bank}{path}", data=data).status_code != 404]
    for path, data in (
        ("experts", {"person_id": "1"}),
        (f"forms/{form}/file", {"number": "1"}),
        (f"forms/{form}/reading", {"opinion": "approve"}),
        (f"forms/{form}/swap", {"slot": "1", "reason": "x"}),
        (f"forms/{form}/ask", {"note": "x"}),
    ):
        found += [path] if stranger.post(f"{page}/{path}", data=data).status_code != 404 else []
    found += ["reading"] if stranger.get(f"{page}/forms/{form}/reading").status_code != 404 else []
    found += ["upload"] if stranger.post(f"{bank}/imports", files={"file": ("a.csv", b"x")}).status_code != 404 else []
    found += [path for path in ("/bank/syllabus/1", "/bank/syllabus/1/table.xlsx") if stranger.get(path).status_code != 404]
    assert found == []
    assert "电工四级题库" not in stranger.get("/bank").text


def test_figures_belong_to_the_item_that_shows_them(house: House, bank: str) -> None:
    with house.db() as db:
        digest = db.exec(select(Media.digest)).first()
    writer = house.act("writer")
    assert writer.get(f"/bank/media/{digest}").status_code == 404, "by its digest alone"
    found = writer.get(f"{bank}/items?q=图").text
    assert found
    shown = [n for n in range(1, 249) if digest and digest in writer.get(f"{bank}/items/{n}").text][:1]
    answer = writer.get(f"/bank/media/{digest}?item={shown[0]}")
    assert answer.headers["content-type"].startswith("image/")
    assert house.act("stranger").get(f"/bank/media/{digest}?item={shown[0]}").status_code == 404
    assert house.act("supervisor").get(f"/bank/media/{digest}?item={shown[0]}").status_code == 403


def test_an_uploaded_figure_gets_a_mark_in_the_text(house: House, bank: str) -> None:
    data = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 4'><circle cx='2' cy='2' r='1'/></svg>"
    digest = hashlib.sha256(data).hexdigest()
    answer = house.act("writer").post(
        f"{bank}/items/figure", data={"kind": "single", "stem": "看图："}, files={"figure": ("圆.svg", data)}
    )
    assert f"[图:{digest[:12]}]" in answer.text
    assert f"/bank/media/{digest}" in answer.text
    assert house.act("writer").get(f"/bank/media/{digest}").status_code == 200
    assert house.act("stranger").get(f"/bank/media/{digest}").status_code == 404
    evil = {"figure": ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")}
    assert house.act("writer").post(f"{bank}/items/figure", data={"kind": "single"}, files=evil).status_code == 422


def test_svg_that_does_more_than_draw() -> None:
    frame = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>{}</svg>"
    for inside in (
        "<script>1</script>",
        "<foreignObject/>",
        "<rect onclick='x()'/>",
        "<a href='javascript:x()'/>",
        "<image href='http://elsewhere.example/x.png'/>",
        "<use xlink:href='//elsewhere.example/x.svg#a'/>",
        "<rect style='fill:url(http://elsewhere.example)'/>",
        "<style>@import 'x'</style>",
    ):
        assert not svg_is_plain(frame.format(inside).encode()), inside
    assert not svg_is_plain(b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + frame.format("&a;").encode())
    assert svg_is_plain(frame.format("<rect fill='url(#a)'/><use xlink:href='#b'/>").encode())
    assert all(svg_is_plain(path.read_bytes()) for path in (CONTENT / "figures").iterdir())
