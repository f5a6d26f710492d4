"""How long a question took: only where the journal tells it, and never less than it was."""

from typing import Any

import pytest

from server.sitting import events as ev
from server.sitting import pace


def journal(*steps: tuple[Any, ...]) -> list[ev.Event]:
    """(kind, second, slot?, age in ms?) as events."""
    found, head = [], ev.genesis(1, 1)
    for n, (kind, second, *rest) in enumerate(steps, 1):
        data: dict[str, Any] = {"item": rest[0], "value": [1]} if kind == "answered" else {}
        if len(rest) > 1:
            data["dt_ms"] = rest[1]
        event = ev.chained(head, [n, kind, 1, n, second * 1000, None, None, data])
        head = event.head
        found.append(event)
    return found


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], {}),
        ([("opened", 0), ("answered", 30, 1), ("answered", 75, 2)], {1: 30.0, 2: 45.0}),
        # A second thought belongs to no question: only the first answer counts, the next runs from the last.
        ([("opened", 0), ("answered", 30, 1), ("answered", 40, 1), ("answered", 60, 2)], {1: 30.0, 2: 20.0}),
        # Sent together after the network was away: their ages tell when they were made.
        ([("opened", 0), ("answered", 100, 1, 70_000), ("answered", 100, 2, 20_000)], {1: 30.0, 2: 50.0}),
        # Two ages that contradict each other, or nothing known of the start: unknown, not fast.
        ([("opened", 0), ("answered", 50, 1), ("answered", 50, 2, 1_000)], {1: 50.0}),
        ([("answered", 50, 1), ("answered", 51, 2)], {2: 1.0}),
        # A pause, a reload, another PC, an outage hide the time.
        ([("opened", 0), ("paused", 5), ("resumed", 500), ("answered", 501, 1), ("answered", 520, 2)], {2: 19.0}),
        ([("opened", 0), ("answered", 9, 1), ("page_opened", 20), ("answered", 21, 2)], {1: 9.0}),
        ([("opened", 0), ("answered", 9, 1), ("held", 20), ("judged", 60), ("answered", 61, 2)], {1: 9.0}),
        # What takes no time away does not hide it.
        ([("opened", 0), ("answered", 9, 1), ("flagged", 12), ("credited", 13), ("answered", 29, 2)], {1: 9.0, 2: 20.0}),
    ],
)
def test_seconds(steps: list[tuple[Any, ...]], expected: dict[int, float]) -> None:
    assert pace.of_events(journal(*steps)) == expected
