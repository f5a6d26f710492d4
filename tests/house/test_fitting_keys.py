"""A database is only ever used with the keys it was written with."""

import shutil
import threading
from pathlib import Path

import pytest

from server import fitting_keys
from server.clock import FakeClock
from server.db import Databases, connect, transaction
from server.keyring import PURPOSES, Keyring, KeyringError
from server.settings import Settings


def test_a_new_database_gets_keys_and_keeps_to_them(dbs: Databases, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path)
    first = fitting_keys.open_keys(dbs, settings, clock.now())
    again = fitting_keys.open_keys(dbs, settings, clock.now())
    assert first.key("answer_key") == again.key("answer_key")


def test_a_missing_key_is_not_made_anew(dbs: Databases, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path)
    fitting_keys.open_keys(dbs, settings, clock.now())
    (settings.keys / "answer_key.key").unlink()
    with pytest.raises(KeyringError, match=r"lacks answer_key\.key"):
        fitting_keys.open_keys(dbs, settings, clock.now())
    shutil.rmtree(settings.keys)
    with pytest.raises(KeyringError, match="put the keys of this database back"):
        fitting_keys.open_keys(dbs, settings, clock.now())
    assert not settings.keys.exists()


def test_the_key_of_another_database_is_refused(dbs: Databases, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path)
    fitting_keys.open_keys(dbs, settings, clock.now())
    (settings.keys / "paper.key").write_text("00" * 32 + "\n", encoding="ascii")
    with pytest.raises(KeyringError, match=r"paper\.key .* belongs to another database"):
        fitting_keys.open_keys(dbs, settings, clock.now())


def test_processes_that_start_together_agree(dbs: Databases, database_url: str, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path)
    together = threading.Barrier(6)
    found: list[bytes] = []

    def start() -> None:
        mine = connect(database_url)
        together.wait()
        found.append(fitting_keys.open_keys(mine, settings, clock.now()).key("paper"))
        mine.dispose()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert not list(settings.keys.glob(".*"))


def test_a_purpose_that_came_with_a_later_version_gets_its_key(dbs: Databases, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path)
    older = [purpose for purpose in PURPOSES if purpose != "recovery"]
    with transaction(dbs) as db:
        fitting_keys.note(db, Keyring.open_folder(settings.keys), clock.now(), older)
    (settings.keys / "recovery.key").unlink()
    first = fitting_keys.open_keys(dbs, settings, clock.now())
    assert fitting_keys.open_keys(dbs, settings, clock.now()).key("recovery") == first.key("recovery")
    (settings.keys / "recovery.key").unlink()
    with pytest.raises(KeyringError, match=r"lacks recovery\.key"):
        fitting_keys.open_keys(dbs, settings, clock.now())
