"""100 candidates at a human rhythm against `jikao serve`, then the check: lost 0, unexplained 0.

python -m loadtests.run [--users 100] [--seconds 60] [--pace 2,20] [--url postgresql+psycopg://...]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.served import jikao
from loadtests.verify import verify


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pace", default="2,20", help="seconds between two changes of one candidate: from,to")
    parser.add_argument("--url", default="", help="SQLAlchemy URL of an empty database; a temporary SQLite file if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jikao-load-") as name:
        folder = Path(name)
        url = given.url or f"sqlite:///{folder / 'jikao.db'}"
        people, diary = folder / "people.jsonl", folder / "diary.jsonl"
        seeding = [sys.executable, "-m", "loadtests.seed", "--url", url, "--keys", str(folder / "keys")]
        subprocess.run([*seeding, "--candidates", str(given.users), "--out", str(people)], check=True)
        with jikao(folder, url) as (_pid, port):
            locust = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary"]
            locust += ["-u", str(given.users), "-r", "20", "-t", f"{given.seconds}s", "-H", f"http://127.0.0.1:{port}"]
            environment = {"LOAD_PEOPLE": str(people), "LOAD_DIARY": str(diary), "LOAD_PACE": given.pace}
            ran = subprocess.run(locust, env={**os.environ, **environment}, check=False)
        report = verify(url, diary)
    print(
        f"acknowledged {report.acknowledged}, refused {report.refused}, unknown but stored {report.unknown_then_stored}, "
        f"lost {len(report.lost)}, unexplained {len(report.unexplained)}"
    )
    for line in [*report.lost[:10], *report.unexplained[:10]]:
        print("  " + line)
    sys.exit(0 if report.clean and report.acknowledged and ran.returncode == 0 else 1)


if __name__ == "__main__":
    main()
