"""`python -m tests.screenshots`: every page of the running demo × size × theme × language, into var/screenshots.

Names: `<size>-<theme>-<language>/<page>.png`, whole pages. `--only NAME …` shoots some pages, `--url URL --log FILE` uses a
demo that runs already.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests import publishing, tour, tour_day
from tests.tour import LANGUAGES, THEMES, Demo, Passes
from tests.tour_stops import STOPS, Stop

SIZES = ((1366, 768), (1024, 768))
TARGET = Path(__file__).resolve().parent.parent / "var" / "screenshots"


def shoot_staff(running: Browser, demo: Demo, stops: Iterable[Stop], names: dict[str, str], only: list[str]) -> Iterator[Path]:
    passes = Passes(running, demo.url)
    for size, theme, language in itertools.product(SIZES, THEMES, LANGUAGES):
        made = tour.context(running, demo.url, size=size, theme=theme, language=language)
        page = made.new_page()
        for stop in stops:
            if only and stop.name not in only:
                continue
            passes.wear(made, stop.who)
            tour.go(page, demo, stop, names)
            yield shoot(page, size, theme, language, stop.name, whole=stop.whole)
        made.close()


def shoot_candidate(running: Browser, demo: Demo) -> Iterator[Path]:
    """One visitor's sitting: the same screens in every look, one after another."""
    looks = list(itertools.product(SIZES, THEMES, LANGUAGES))
    made = running.new_context(viewport={"width": 1366, "height": 768})
    page = made.new_page()

    def in_every_look(name: str, before: Callable[[], None]) -> Iterator[Path]:
        for size, theme, language in looks:
            made.add_cookies([{"name": "lang", "value": language, "url": demo.url}])
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            page.reload()
            before()
            yield shoot(page, size, theme, language, name, whole=False)

    for screen, before in tour.candidate_screens(running, page, demo):
        yield from in_every_look(screen, before)
    made.close()


def shoot(page: Page, size: tuple[int, int], theme: str, language: str, name: str, *, whole: bool) -> Path:
    path = TARGET / f"{size[0]}x{size[1]}-{theme}-{language}" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=whole, animations="disabled")
    return path


@contextmanager
def a_demo(url: str, log: str) -> Iterator[Demo]:
    """A fresh demo, or one that runs."""
    if url:
        demo = Demo(Path(log).parent)
        demo.url = url
        yield demo
        return
    with tempfile.TemporaryDirectory() as folder, tour.running_demo(Path(folder)) as demo:
        yield demo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--url", default="")
    parser.add_argument("--log", default="demo.log")
    chosen = parser.parse_args()
    began, count = time.monotonic(), 0
    with a_demo(chosen.url, chosen.log) as demo, tour.browser() as running:
        names = tour_day.enrich(running, demo)
        for path in shoot_staff(running, demo, STOPS, names, chosen.only):
            print(path, flush=True)
            count += 1
        if not chosen.only or "exam" in chosen.only:
            for path in shoot_candidate(running, demo):
                print(path, flush=True)
                count += 1
        for stops in publishing.stages(running, demo):
            for path in shoot_staff(running, demo, stops, names, chosen.only):
                print(path, flush=True)
                count += 1
    print(f"{count} pictures in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
