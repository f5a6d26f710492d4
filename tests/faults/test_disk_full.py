"""A real full disk (ENOSPC) under a real server: a tmpfs of a few MB, mounted by root; part of `make faults`.

503 while it is full, nothing acknowledged is lost, and it accepts again by itself once there is room.
"""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtests.seed import seed
from loadtests.served import SignedIn, jikao, sign_in
from loadtests.verify import Told, check_journals, compare
from server.db import connect
from server.keyring import Keyring

SIZE_MB = 12


@pytest.fixture
def small_disk(tmp_path: Path, sqlite_template: Path) -> Iterator[Path]:
    """A tmpfs of its own. Without root `test_power_cut` fills the disk of the apsw file system instead."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        raise RuntimeError("this test mounts a tmpfs and must run as root")
    try:
        shutil.copy(sqlite_template, folder / "jikao.db")
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_is_503_loses_nothing_and_heals(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/jikao.db"
    dbs = connect(url)
    exam, people = seed(dbs, Keyring.open_folder(small_disk / "keys"), candidates=2, items=20)
    dbs.dispose()
    told: dict[Any, Told] = {}
    with jikao(small_disk, url) as (_pid, port):
        signed = [sign_in(port, vars(person)) for person in people]
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"x" * (free - 400_000))
        op = _until_refused(port, signed[0], (exam, people[0].entry_no), told)
        with ballast.open("ab") as file:  # whatever is still free
            _fill(file)
        for _again in range(3):
            assert _send(port, signed[1], (exam, people[1].entry_no), 1, told) in (200, 503)
        ballast.unlink()
        assert _send(port, signed[0], (exam, people[0].entry_no), op, told) == 200
        assert _send(port, signed[1], (exam, people[1].entry_no), 1, told) == 200
    journals, problems = check_journals(url)
    report = compare(told, journals)
    assert problems == []
    assert report.clean, [*report.lost, *report.unexplained]
    assert report.acknowledged > 10


def _fill(file: Any) -> None:
    try:
        while True:
            os.write(file.fileno(), b"x" * 4096)
    except OSError:
        return


def _until_refused(port: int, who: SignedIn, key: tuple[int, int], told: dict[Any, Told]) -> int:
    for op in range(1, 4_000):
        status = _send(port, who, key, op, told)
        if status == 503:
            return op
        assert status == 200
    raise AssertionError("the disk never filled")


def _send(port: int, who: SignedIn, key: tuple[int, int], op: int, told: dict[Any, Told]) -> int:
    content = {"item": 1, "report": "纸" * 480}
    body = json.dumps({"epoch": who.epoch, "ops": [{"op": op, **content}]})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/exam/api/ops", body, {"Content-Type": "application/json", "Cookie": who.cookie})
    status = connection.getresponse().status
    connection.close()
    outcome = "ok" if status == 200 else "unknown"
    told.setdefault((*key, who.epoch, op), Told(content, [])).outcomes.append(outcome)
    return status
