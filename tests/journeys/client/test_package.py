"""The paper before the bell, in the browser: kept as ciphertext, opened by the key, gone afterwards; and the plain way."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import ARGUMENTS, Room

pytestmark = pytest.mark.browser

STEM = "密题甲乙丙丁"
"""In every question of this paper, and nowhere else."""
NAME = "exam.test"
"""A host name that is not loopback to the browser: no secure context over plain http."""

KEPT = """async () => {
  const found = { cache: [], databases: [], local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage) };
  for (const name of window.caches ? await caches.keys() : []) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
      found.cache.push([new URL(request.url).pathname, btoa(String.fromCharCode(...bytes))]);
    }
  }
  for (const { name } of await indexedDB.databases()) {
    if (name === "jikao-pc") continue; // which PC this is outlives every candidate, see pcmirror.js
    const db = await new Promise((done) => { indexedDB.open(name).onsuccess = (event) => done(event.target.result); });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      found.databases.push(JSON.stringify(await new Promise((done) => { all.onsuccess = () => done(all.result); })));
    }
    db.close();
  }
  return found;
}"""
WRITTEN = "url => caches.open('jikao-paper').then((cache) => cache.match(url)).then(Boolean)"


@pytest.fixture
def server(server: FakeServer) -> FakeServer:
    """With a paper whose text can be told from the practice."""
    for item in server.sitting.paper["items"]:
        item["stem_html"] += f"<p>{STEM}{item['slot']}</p>"
    return server


def kept(page: Page) -> dict[str, Any]:
    """Everything the page's origin keeps on this computer."""
    return dict(page.evaluate(KEPT))


def waiting(page: Page, server: FakeServer, url: str = "") -> Room:
    """A candidate in the waiting room."""
    room = Room(page, server)
    page.goto(f"{url or server.url}/exam/room")
    expect(page.locator("#waiting")).to_be_visible()
    return room


def holding(page: Page, server: FakeServer) -> Room:
    """A candidate in the waiting room, the package on the computer."""
    server.seal()
    room = waiting(page, server)
    expect(page.locator("#package")).to_have_attribute("data-state", "held")
    return room


def last_open(server: FakeServer) -> tuple[bool, bool]:
    """What the page said it holds at its last opening: the package, the paper."""
    body = server.opens[-1]
    return "package" in body, "have" in body


def test_ciphertext_waits_and_the_bell_opens_it_without_the_paper_travelling(server: FakeServer, context: BrowserContext) -> None:
    page = context.new_page()
    assert server.seal()
    server.slow.clear()
    room = waiting(page, server)
    expect(page.locator("#package-done")).to_be_visible()
    expect(page.locator("#package-text")).to_contain_text("正在下载加密试卷")
    server.slow.set()
    expect(page.locator("#package-text")).to_have_text("加密试卷已下载到本机，开考时自动解密。")
    page.wait_for_function(WRITTEN, arg=server_url(server))  # what is in memory already is written a moment later
    found = kept(page)
    assert [path for path, _data in found["cache"]] == [f"/exam/api/package/{server.fetches[0]}"]
    data = base64.b64decode(found["cache"][0][1])
    assert data == server.package
    assert STEM.encode() not in data
    assert STEM not in page.content() + json.dumps(found, ensure_ascii=False).replace("\\", "")
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/exam/api/open") else None)
    server.begin()
    room.opened()
    expect(room.part("stem")).to_contain_text(STEM)
    assert last_open(server) == (True, False)
    assert answers[-1].json()["paper"] is None
    assert len(server.fetches) == 1
    figures_and_all_questions_with_the_cable_out(room, server)
    assert room.errors == []


def figures_and_all_questions_with_the_cable_out(room: Room, server: FakeServer) -> None:
    page = room.page
    server.down = True
    for number in range(1, len(server.sitting.paper["items"]) + 1):
        room.cell(number).click()
        expect(room.part("stem")).to_contain_text(STEM)
        room.is_at(number)
    room.cell(1).click()  # question 2 of the paper stands first
    picture = room.part("stem").locator("img")
    expect(picture).to_be_visible()
    assert page.evaluate("image => image.decode().then(() => image.naturalWidth)", picture.element_handle()) == 240
    assert page.locator("#exam-work [data-part=stem] svg, #exam-work [data-part=options] svg").count() == 0
    server.down = False


def test_nothing_is_left_after_the_receipt_and_after_signing_out(server: FakeServer, context: BrowserContext) -> None:
    page = context.new_page()
    holding(page, server)
    page.get_by_role("button", name="退出").click()
    expect(page.locator("#admission_no")).to_be_visible()
    assert kept(page)["cache"] == []
    room = holding(page, server)
    server.begin()
    room.opened()
    assert STEM not in json.dumps(kept(page), ensure_ascii=False)
    room.hand_in()
    expect(page.locator("#cleared")).to_be_visible()
    found = kept(page)
    assert found["cache"] == []
    assert "outbox" not in found["local"]
    assert STEM not in json.dumps(found, ensure_ascii=False)
    assert set(found["databases"]) == {"[]"}


def test_the_next_candidate_does_not_keep_the_predecessors_package(server: FakeServer, context: BrowserContext) -> None:
    page = context.new_page()
    holding(page, server)
    first = server.fetches[0]
    server.sitting.paper["title"] = "另一份试卷"
    server.seal()
    server.news()
    expect(page.locator("#package")).to_have_attribute("data-state", "held")
    page.wait_for_function(
        "name => caches.open('jikao-paper').then((cache) => cache.match(name)).then((found) => !found)", arg=first
    )
    server.news()
    page.reload()
    expect(page.locator("#package")).to_have_attribute("data-state", "held")
    page.wait_for_function(WRITTEN, arg=server_url(server))
    assert [path for path, _data in kept(page)["cache"]] == [server_url(server)]


@pytest.mark.parametrize("fault", ["key", "kept", "digest"])
def test_what_cannot_be_opened_comes_plainly(server: FakeServer, context: BrowserContext, fault: str) -> None:
    page = context.new_page()
    if fault == "digest":
        page.route("**/exam/api/package/*", lambda route: route.fulfill(body=b"JKP1" + bytes(60)))
        server.seal()
        room = waiting(page, server)
        expect(page.locator("#package")).to_have_attribute("data-state", "fetching")
    else:
        room = holding(page, server)
    if fault == "key":
        server.given_key = bytes(32)
    elif fault == "kept":
        page.evaluate("url => caches.open('jikao-paper').then((cache) => cache.put(url, new Response('x')))", server_url(server))
        page.route("**/exam/api/package/*", lambda route: route.abort())
        page.reload()
        expect(page.locator("#waiting")).to_be_visible()
    server.begin()
    room.opened()
    expect(room.part("stem")).to_contain_text(STEM)
    assert last_open(server) == (False, False)
    assert server.sitting.epoch == 1
    room.answer(1, "A")
    room.saved()
    assert room.errors == []


def server_url(server: FakeServer) -> str:
    offer = server.offer()
    assert offer is not None
    return f"/exam/api/package/{offer['digest']}"


def test_a_package_that_is_still_on_its_way_is_not_waited_for(server: FakeServer, context: BrowserContext) -> None:
    page = context.new_page()
    server.seal()
    server.slow.clear()
    room = waiting(page, server)
    expect(page.locator("#package")).to_have_attribute("data-state", "fetching")
    server.begin()
    room.opened()
    server.slow.set()
    assert last_open(server) == (False, False)
    assert kept(page)["cache"] == []


# -- another browser: a profile on the disk, with and without a secure context -----------------------------------------


@pytest.mark.parametrize("secure", [pytest.param(True, marks=pytest.mark.slow), False])  # True: test_real_server, quickly
def test_nothing_of_the_paper_on_the_disk(
    server: FakeServer, playwright: Playwright, chromium: str, tmp_path: Path, secure: bool
) -> None:
    profile, names = tmp_path / "profile", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium, args=[*ARGUMENTS, names], locale="zh-CN"
    )
    page = context.new_page()
    server.seal()
    room = waiting(page, server, "" if secure else server.url.replace("127.0.0.1", NAME))
    assert page.evaluate("window.isSecureContext") is secure
    expect(page.locator("#package")).to_have_attribute("data-state", "held" if secure else "off")
    page.reload()
    said = "加密试卷已下载到本机，开考时自动解密。" if secure else "试卷将在开考时发送到本机。"
    expect(page.locator("#package-text")).to_have_text(said)
    server.begin()
    room.opened()
    for number in (2, 3, 8):
        room.answer(number, "B")
    room.saved()
    page.reload()
    room.opened()
    assert [("package" in body, "have" in body) for body in server.opens] == [(secure, False)] * 2
    assert len(server.fetches) == int(secure)
    expect(page.locator("#count-answered")).to_have_text("3")
    room.hand_in()
    expect(page.locator("#cleared")).to_be_visible()
    assert room.errors == []
    context.close()
    files = [path for path in profile.rglob("*") if path.is_file()]
    assert any(b"jikao.text-size" in path.read_bytes() for path in files)  # what is kept would be found
    assert [str(path) for path in files for trace in _traces(server) if trace in path.read_bytes()] == []


def _traces(server: FakeServer) -> list[bytes]:
    """The paper's text as files might hold it: UTF-8, UTF-16, escaped; the key."""
    escaped = json.dumps(STEM).strip('"').encode()
    key = [server.key, base64.b64encode(server.key)]
    return [STEM.encode(), STEM.encode("utf-16-le"), escaped, *key]
