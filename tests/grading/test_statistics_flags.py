"""A flag needs evidence: whole intervals, enough people, room for an option to be chosen."""

from typing import Any

import pytest

from server.grading.statistics_flags import FLAGS, About, flags

FEW = {"too_few": [10, 30]}
ABOUT = About(items=50)


def item(**changes: Any) -> dict[str, Any]:
    """An item of which nothing stands out, single choice with key 1, 40 people."""
    options = [option(1, 0.6, 0.4), option(2, 0.2, -0.2), option(3, 0.1, -0.1), option(4, 0.1, -0.1)]
    body = {
        "kind": "single",
        "cancelled": False,
        "n": 40,
        "blank": 0,
        "p": figure(0.6),
        "item_total": figure(0.4),
        "fit": FEW,
        "rivals": [],
        "dif": [],
        "options": options,
    }
    return body | changes


def figure(value: float, reach: float = 0.1) -> dict[str, float]:
    return {"value": value, "se": reach / 2, "low": value - reach, "high": value + reach}


def option(number: int, share: float, rest: float) -> dict[str, Any]:
    return {"option": number, "chosen": round(40 * share), "share": figure(share, 0.04), "with_rest": figure(rest, 0.15)}


def options(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [option(1, 0.6, 0.4), changes.get("second", option(2, 0.2, -0.2)), option(3, 0.1, -0.1)]


@pytest.mark.parametrize(
    ("body", "about", "expected"),
    [
        (item(), ABOUT, []),
        (item(p=figure(0.19)), ABOUT, ["hard"]),
        (item(p=figure(0.20)), ABOUT, []),
        (item(p=figure(0.971)), ABOUT, ["easy"]),
        (item(p=figure(0.97)), ABOUT, []),
        (item(p=figure(0.19), n=19), ABOUT, []),
        (item(item_total=figure(-0.02, 0.11)), ABOUT, ["weak"]),
        (item(item_total=figure(-0.02, 0.13)), ABOUT, []),  # low, but it may well be 0.10
        (item(item_total=FEW), ABOUT, []),
        (item(fit={"chi_square": 40.0, "df": 9, "p_value": 0.0009}), ABOUT, ["misfit"]),
        (item(fit={"chi_square": 20.0, "df": 9, "p_value": 0.0011}), ABOUT, []),  # 50 items: one such is chance
        (item(blank=8), ABOUT, ["skipped"]),
        (item(blank=7), ABOUT, []),
        (item(dif=[{"kind": "sex", "name": "女", "delta": figure(-1.8), "klass": "C"}]), ABOUT, ["dif"]),
        (item(dif=[{"kind": "sex", "name": "女", "delta": figure(-1.2), "klass": "B"}]), ABOUT, []),
        (item(options=options(second=option(2, 0.005, 0.0))), ABOUT, ["idle_option"]),
        (item(options=options(second=option(2, 0.02, 0.0))), ABOUT, []),  # up to 0.06: not idle for sure
        (item(options=options(second=option(2, 0.005, 0.0)), p=figure(0.92)), ABOUT, []),
        (item(options=options(second=option(2, 0.2, 0.23))), ABOUT, ["strong_option"]),
        (item(options=options(second=option(2, 0.2, 0.22))), ABOUT, []),  # under three standard errors of 0.075
        (item(options=options(second=option(2, 0.2, 0.3)), rivals=[2]), ABOUT, ["miskey"]),
        (item(n=5, rivals=[]), About(50, suspect_key=True), ["miskey"]),
        (item(), About(50, corrected=True), ["corrected"]),
        (item(cancelled=True, p=FEW), About(50, suspect_key=True), ["cancelled"]),
        (item(kind="numeric", options=[], p=figure(0.1), blank=10), ABOUT, ["hard", "skipped"]),
        (item(p=FEW, n=25), ABOUT, []),
    ],
)
def test_what_stands_out(body: dict[str, Any], about: About, expected: list[str]) -> None:
    key = (1,) if body["kind"] == "single" else ()
    assert flags(body, key, about) == expected


def test_every_flag_says_what_to_do() -> None:
    for flag in FLAGS.values():
        assert flag.word
        assert flag.why.endswith(".")
        assert flag.what.endswith(".")
        assert flag.tone in {"bad", "warn", "info"}
