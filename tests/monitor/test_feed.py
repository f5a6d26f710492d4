"""The stream: only what changed, one reader for all, everything again for who fell behind."""

import asyncio
import json
from typing import Any

import pytest

from server.monitor import feed
from server.monitor.feed import Feeder, Feeds, Snapshot


def snap(ms: int, head: int = 0, **tiles: int) -> Snapshot:
    return Snapshot(ms, {key: {"k": key, "a": value} for key, value in tiles.items()}, {"counts": head})


def parse(data: bytes) -> dict[str, Any]:
    _event, line = data.decode().strip().split("\n")
    message: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (snap(1, a=1), snap(2, a=1), None),
        (snap(1, a=1, b=1), snap(2, a=1, b=2), {"ms": 2, "tiles": [{"k": "b", "a": 2}]}),
        (snap(1, a=1, b=1), snap(2, a=1), {"ms": 2, "gone": ["b"]}),
        (snap(1, a=1), snap(2, 5, a=1), {"ms": 2, "head": {"counts": 5}}),
        (snap(1), snap(2, c=1), {"ms": 2, "tiles": [{"k": "c", "a": 1}]}),
    ],
)
def test_changes(old: Snapshot, new: Snapshot, expected: dict[str, Any] | None) -> None:
    assert feed.changes(old, new) == expected


def test_one_reader_for_many_viewers_and_only_changes() -> None:
    async def scene() -> None:
        reads = 0

        def read() -> Snapshot:
            nonlocal reads
            reads += 1
            return snap(reads, a=1, b=min(reads, 2))

        feeder = Feeder(read, min_gap_s=0.02, idle_gap_s=0.03)
        viewers = [feeder.join() for _ in range(50)]
        for viewer in viewers:
            assert parse(await viewer.queue.get() or b"")["full"]
        for viewer in viewers:
            assert parse(await viewer.queue.get() or b"")["tiles"] == [{"k": "b", "a": 2}]
        assert reads == 2
        late = feeder.join()
        assert len(parse(await late.queue.get() or b"")["tiles"]) == 2
        for viewer in [*viewers, late]:
            feeder.leave(viewer)
        await asyncio.sleep(0.1)
        after = reads
        await asyncio.sleep(0.1)
        assert reads == after, "nobody watches, nothing reads"

    asyncio.run(scene())


def test_waking_never_reads_more_often_than_the_gap() -> None:
    async def scene() -> None:
        reads = 0

        def read() -> Snapshot:
            nonlocal reads
            reads += 1
            return snap(reads, a=reads)

        feeder = Feeder(read, min_gap_s=0.1, idle_gap_s=10)
        viewer = feeder.join()
        for _ in range(25):
            feeder.wake()
            await asyncio.sleep(0.01)
        assert 2 <= reads <= 4
        feeder.leave(viewer)

    asyncio.run(scene())


def test_a_slow_viewer_gets_everything_again() -> None:
    async def scene() -> None:
        feeder = Feeder(lambda: snap(0), min_gap_s=10, idle_gap_s=10)
        viewer = feeder.join()
        for number in range(feed.QUEUE_MAX + 5):
            feeder._publish(snap(number, a=number), float(number))
        messages = [parse(viewer.queue.get_nowait() or b"") for _ in range(viewer.queue.qsize())]
        assert any(message.get("full") for message in messages)
        assert messages[-1]["tiles"][0]["a"] == feed.QUEUE_MAX + 4
        feeder.leave(viewer)
        assert feeder._task is not None
        feeder._task.cancel()

    asyncio.run(scene())


def test_a_failing_read_sends_nothing_and_recovers() -> None:
    async def scene() -> None:
        results: list[Snapshot | Exception] = [RuntimeError("database away"), snap(2, a=1)]

        def read() -> Snapshot:
            result = results.pop(0) if len(results) > 1 else results[0]
            if isinstance(result, Exception):
                raise result
            return result

        feeder = Feeder(read, min_gap_s=0.01, idle_gap_s=0.02)
        viewer = feeder.join()
        async with asyncio.timeout(2):
            assert parse(await viewer.queue.get() or b"")["ms"] == 2
        feeder.leave(viewer)

    asyncio.run(scene())


def test_streams_end_by_time_and_at_shutdown() -> None:
    async def scene() -> None:
        feeds = Feeds()
        short = [chunk async for chunk in feeds.watch((1, (1,)), lambda: snap(1, a=1), lasts_s=0.2)]
        assert short[0].startswith(b"retry:")
        assert parse(short[1])["full"]

        async def watch() -> int:
            return len([chunk async for chunk in feeds.watch((1, (2,)), lambda: snap(1, a=1))])

        task = asyncio.create_task(watch())
        await asyncio.sleep(0.2)
        feeds.end()
        assert await asyncio.wait_for(task, 2) >= 1

    asyncio.run(scene())
