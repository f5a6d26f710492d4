"""locust: people of `seed`'s list sit the exam against a running server.

    export LOAD_PEOPLE=people.jsonl LOAD_DIARY=diary.jsonl
    locust -f loadtests/locustfile.py --headless -u 100 -r 20 -t 60s -H URL

Afterwards: `python -m loadtests.verify --url SQLALCHEMY_URL --diary diary.jsonl`.
"""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, constant, task

from loadtests.candidate import Candidate, Diary, Form

_people = [json.loads(line) for line in Path(os.environ["LOAD_PEOPLE"]).read_text(encoding="utf-8").splitlines()]
_next = itertools.count()
_diary = Diary(Path(os.environ["LOAD_DIARY"]))
_pace = tuple(float(part) for part in os.environ.get("LOAD_PACE", "2,20").split(","))


class Browser:
    """locust's client in the shape `candidate` wants; refusals that the protocol foresees are not failures."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def send(self, method: str, path: str, body: Any, name: str) -> Any:
        headers = {"Sec-Fetch-Site": "same-origin"}
        given: dict[str, Any] = {"data": body.fields} if isinstance(body, Form) else {"json": body} if body is not None else {}
        with self.client.request(
            method, path, name=name, headers=headers, allow_redirects=False, timeout=40, catch_response=True, **given
        ) as reply:
            if reply.status_code in (200, 303, 409, 410):
                reply.success()
            return reply


class Sitting(HttpUser):
    """A candidate: a worker that answers, and a pulse that is always held."""

    wait_time = constant(0)

    def on_start(self) -> None:
        person = _people[next(_next) % len(_people)]
        self.candidate = Candidate(
            Browser(self.client),
            _diary,
            person["exam_session_id"],
            person["entry_no"],
            person["admission_no"],
            person["secret"],
            sleep=gevent.sleep,
            pace_s=(_pace[0], _pace[1]),
        )
        while not self.candidate.enter():
            gevent.sleep(1)
        while not self.candidate.open() and self.candidate.state != "over":
            gevent.sleep(1)
        self.pulses = gevent.spawn(self._pulse)

    def on_stop(self) -> None:
        self.pulses.kill()

    def _pulse(self) -> None:
        while self.candidate.state == "open":
            self.candidate.pulse()

    @task
    def sit(self) -> None:
        if self.candidate.state == "open":
            self.candidate.work()
        else:
            gevent.sleep(1)
