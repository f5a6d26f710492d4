"""The drawn order: sections stay, sets stay together and in their order, lines to match and blanks draw nothing."""

from random import Random
from typing import Any

from server.sitting.draw import order
from server.sitting.package import release_of
from tests import kinds


def item(slot: int, stimulus: str = "", options: int = 3, kind: str = "single") -> dict[str, Any]:
    drawn = {"slot": slot, "kind": kind, "fixed_order": False, "options": [{"id": n} for n in range(1, options + 1)]}
    return drawn | ({"stimulus": stimulus} if stimulus else {})


def test_sets_stay_together_in_their_order() -> None:
    items = [item(1), item(2, "a"), item(3, "a"), item(4, "a"), item(5), item(6, "b"), item(7, "b"), item(8)]
    seen = set()
    for seed in range(60):
        slots = [slot for slot, _options in order(items, [7, 1], Random(seed))]
        assert slots[7] == 8
        at = slots.index(2)
        assert slots[at : at + 3] == [2, 3, 4]
        at = slots.index(6)
        assert slots[at : at + 2] == [6, 7]
        seen.add(tuple(slots))
    assert len(seen) > 20


def test_a_paper_without_sets_is_drawn_as_ever() -> None:
    """The same generator gives the order it gave before there were sets."""
    items = [item(slot) for slot in range(1, 6)]
    rng = Random(5)
    expected = list(items)
    rng.shuffle(expected)
    first = [slot for slot, _options in order(items, [5], Random(5))]
    assert first == [one["slot"] for one in expected]


def test_every_option_is_drawn_and_nothing_else() -> None:
    items = [item(1, options=0, kind="fill_in"), item(2, options=4, kind="matching"), item(3, options=4, kind="ordering")]
    drawn = dict(order(items, [3], Random(1)))
    assert drawn[1] == []
    assert sorted(drawn[2]) == sorted(drawn[3]) == [1, 2, 3, 4]


def test_a_release_knows_the_sets_of_its_paper() -> None:
    body = (
        b'{"digest":"d","sections":[{"count":2}],"items":['
        b'{"slot":1,"kind":"numeric","fixed_order":false,"options":[],"stimulus":"7","stimulus_html":"x","unit":"A"},'
        b'{"slot":2,"kind":"single","fixed_order":false,"options":[{"id":1,"html":"a"}]}]}'
    )
    assert release_of(body).items == [
        {"slot": 1, "kind": "numeric", "fixed_order": False, "stimulus": "7", "options": []},
        {"slot": 2, "kind": "single", "fixed_order": False, "options": [{"id": 1}]},
    ]
    assert sum(count * each for _kind, count, each in kinds.SECTIONS) == kinds.FULL
