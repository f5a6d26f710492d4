"""The load's candidates against a real server: a whole small run, and a history that is judged."""

import time

import pytest

from loadtests.crowds import LoadError, crowds
from loadtests.load import Bench, producing
from loadtests.served import free_port


def test_a_small_run_is_whole_and_judged() -> None:
    with Bench(6) as bench:
        port, began = free_port(), time.time()
        with bench.serve(port), crowds(port, bench.people, bench.folder, whole=4, every_s=0.4) as crowd:
            crowd.do("pulse", over_s=0.1)
            assert len(crowd.do("open", over_s=0.1, at_bell=True).millis) == 6
            worked = crowd.do("work", seconds=1.2)
            assert len(worked.millis) >= 6
            assert {entry for entry, _answered, _at in worked.shown} <= set(range(1, 7))
            crowd.do("queue", ops=20)
            assert crowd.do("drain", limit_s=30).last > began
            crowd.do("hand_in", over_s=0.1)
            crowd.do("until_ended", limit_s=20)
            with pytest.raises(LoadError, match="never open"):
                crowd.do("open", over_s=0.0, limit_s=0.0)
            crowd.stop()
        report = bench.judge(crowd)
        assert report.acknowledged >= 6 + 6 * 20 + 6
        with crowd.diaries[0].open("ab") as diary:
            diary.write(b'{"exam":1,"entry":1,"epoch":1,"op":999,"outcome":"ok","content":{"item":1,"value":[1]}}\n')
        with pytest.raises(LoadError, match=r"void: .*acknowledged"):
            bench.judge(crowd)


def test_figures_are_found_by_what_they_give() -> None:
    assert producing(["kb_per_candidate"]) == ["human_10000"]
    assert producing(["storms", "close_1000_s"]) == ["storms", "close_1000"]
    with pytest.raises(SystemExit, match="no figure is called human_3"):
        producing(["human_3"])
