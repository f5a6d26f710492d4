"""Formulas on the exam page: typeset within the strict policy, named for screen readers, there with the cable out."""

from playwright.sync_api import BrowserContext, expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

STEM = '<p>由 <span class="math">I=\\frac{U}{R}</span> 求得电流为（ ）。</p>'
OPTIONS = ("\\frac{1}{2}\\,\\mathrm{A}", "\\sqrt{3}\\,\\mathrm{A}", "U_{2}", "\\frac{1}{")
FONTS = "[...document.fonts].filter((face) => face.family.startsWith('KaTeX') && face.status === 'loaded').length"


def test_formulas_are_typeset_with_the_cable_out(server: FakeServer, context: BrowserContext) -> None:
    server.begin()
    for item in server.sitting.paper["items"][:6]:
        item["stem_html"] = STEM
        item["options"] = [{"id": n, "html": f'<span class="math">{tex}</span>'} for n, tex in enumerate(OPTIONS, 1)]
    room = Room(context.new_page(), server)
    said: list[str] = []
    room.page.on("console", lambda message: said.append(message.text))
    room.enter()
    room.page.wait_for_function(f"{FONTS} >= 7")
    server.down = True

    room.cell(2).click()
    stem = room.part("stem").locator(".math")
    expect(stem.locator(".katex-html")).to_be_visible()
    expect(stem.locator("math annotation")).to_have_text("I=\\frac{U}{R}")
    assert stem.locator(".mfrac").evaluate("(part) => part.getBoundingClientRect().height > 15")
    names = {"(1)/(2) A", "√(3) A", "U2"}
    for name in names:
        expect(room.page.get_by_role("radio", name=name)).to_have_count(1)
    broken = room.page.locator("#exam-work .option .math:not(:has(.katex))")
    expect(broken).to_have_text("\\frac{1}{")
    assert room.page.locator("#exam-work .option .katex").count() == len(names)
    assert room.errors == []
    assert [text for text in said if "Content Security Policy" in text] == []
