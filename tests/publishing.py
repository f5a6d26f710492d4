"""The last hours of an exam session, for pictures: its results are proposed, approved, and stand in public."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser

from tests.tour import Demo, Passes, post
from tests.tour_stops import Stop

PATH = "/results/1"


def stages(running: Browser, demo: Demo) -> Iterator[tuple[Stop, ...]]:
    """What there is to see after each step; starts by declining the correction that the tour proposed."""
    made = running.new_context(base_url=demo.url, extra_http_headers={"Origin": demo.url})
    passes = Passes(running, demo.url)
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    decline: dict[str, str | float | bool] = {"verdict": "declined", "note": "原答案与标准一致，维持。"}
    post(passes.request(made, "results2"), f"{PATH}/corrections/1/decide", decline)
    yield (Stop("results", f"{PATH}/publish", "publish-form"), Stop("results", f"{PATH}/corrections", "corrections-declined"))
    proposal: dict[str, str | float | bool] = {"objections_until": until, "contact": "柯桥中心考务室，0575-8412 0000"}
    post(passes.request(made, "results"), f"{PATH}/publish", proposal)
    yield (Stop("results2", f"{PATH}/publish", "publish-approve"),)
    post(passes.request(made, "results2"), f"{PATH}/publish/1/decide", {"verdict": "approved"})
    yield (
        Stop("results", f"{PATH}/publish", "published"),
        Stop("", "/public/results", "public-results-listed"),
        Stop("", "/public/results/1", "public-list"),
    )
    made.close()
