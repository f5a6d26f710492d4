"""The candidates of `jikao rehearse`: N of them sit a fixture exam on an empty database for some minutes, then hand in.

    python -m loadtests.rehearse --url SQLALCHEMY_URL --folder FOLDER --seats 100 --seconds 120

A program of its own: it makes the exam session, starts `jikao serve` on a free loopback port, drives the
candidates, compares their history with SQL, and writes what it measured as one JSON line.
"""

import argparse
import json
import sys
from pathlib import Path

from loadtests.crowds import Heard, LoadError, crowds
from loadtests.load import Bench, all_cpu, memory_kb, whole
from loadtests.served import free_port
from loadtests.verify import verify


def rehearse(url: str, folder: Path, seats: int, seconds: float) -> dict[str, object]:
    """What was measured, with everything that went wrong counted instead of raised."""
    errors: dict[str, int] = {}
    measured: dict[str, object] = {"seats": seats}
    with Bench(seats, url=url, folder=folder) as bench:
        port = free_port()
        with bench.serve(port) as pid, crowds(port, bench.people, folder, whole=whole(seats)) as crowd:
            before_kb = memory_kb(pid)

            def do(command: str, **given: float | bool) -> Heard:
                heard = crowd.do(command, may_fail=True, **given)
                for what, count in heard.errors.items():
                    errors[what] = errors.get(what, 0) + count
                return heard

            do("pulse", over_s=min(10.0, seats / 200))
            measured["open_p99_ms"] = do("open", over_s=10, at_bell=True).percentile(0.99)
            cpu = all_cpu(pid)
            work = do("work", seconds=seconds)
            measured["cpu_share"] = round((all_cpu(pid) - cpu) / seconds, 3)
            measured["memory_mb"] = round((memory_kb(pid) - before_kb) / 1024, 1)
            measured["hand_in_p99_ms"] = do("hand_in", over_s=10).percentile(0.99)
            do("stop")
        report = verify(url, *crowd.diaries)
    measured |= {f"save_p{share}_ms": work.percentile(share / 100) for share in (50, 95, 99)}
    measured |= {"saves": len(work.millis), "saves_per_s": round(len(work.millis) / seconds, 2), "errors": errors}
    measured |= {"acknowledged": report.acknowledged, "lost": len(report.lost), "unexplained": len(report.unexplained)}
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seats", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    try:
        measured = rehearse(given.url, given.folder, given.seats, given.seconds)
    except (LoadError, RuntimeError, OSError) as error:
        print(f"the rehearsal did not come to its end: {error}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
