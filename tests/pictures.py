"""`python -m tests.pictures`: the pictures of the documents, made from a fresh demo, into docs/pictures.

In Chinese, light, 1024 pixels wide, cut to what the text around the picture speaks of. `--url URL --log FILE` uses a demo that
runs already.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests import tour, tour_day
from tests.screenshots import a_demo
from tests.tour import Demo, Passes
from tests.tour_stops import Stop

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures"
WIDTH = 1024


@dataclass(frozen=True)
class Picture:
    """One picture: who looks, where, how much of the page and from which element on."""

    name: str
    who: str
    path: str
    height: int
    begin: str = "body"


PICTURES = (
    Picture("writer-home", "writer", "/bank/1", 560),
    Picture("editor", "writer", "/bank/1/items/{returned}/edit", 900, "#editor"),
    Picture("review", "reviewer", "/bank/1/reviews/{revised}", 760),
    Picture("tasks", "bank", "/bank/1/tasks", 420),
)


def take(running: Browser, demo: Demo, names: dict[str, str]) -> None:
    passes = Passes(running, demo.url)
    made = tour.context(running, demo.url, size=(WIDTH, 768), theme="light", language="zh_CN")
    page = made.new_page()
    for one in PICTURES:
        passes.wear(made, one.who)
        tour.go(page, demo, Stop(one.who, one.path, one.name), names)
        page.wait_for_load_state("networkidle")
        begin = page.locator(one.begin).first.bounding_box()
        top = max(0.0, begin["y"] - 12) if begin else 0.0
        path = TARGET / f"{one.name}.png"
        clip = {"x": 0, "y": top, "width": WIDTH, "height": one.height}
        page.screenshot(path=path, full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
        print(path, path.stat().st_size)
    made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--log", default="demo.log")
    chosen = parser.parse_args()
    with a_demo(chosen.url, chosen.log) as demo, tour.browser() as running:
        take(running, demo, tour_day.enrich(running, demo))


if __name__ == "__main__":
    main()
