"""Ten simulated candidates over HTTP, as their browsers would: sign in, open, answer at a human rhythm, hold the pulse.

A program of its own (`python -m server.demo.candidates URL < admissions`), so that the demo's server is loaded like any
other. Standard library only. They never hand in: the live board should live as long as the demo does.
"""

import http.client
import json
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from server.demo import answers

PAUSE_S = (6.0, 16.0)
"""Between two changes of one candidate."""
RETRY_S = 3.0


class GoneWrong(Exception):
    """An answer this simulation does not expect; it starts over after a while."""


@dataclass
class Browser:
    """One candidate's connection and cookies."""

    address: str
    cookies: dict[str, str]

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, bytes]:
        """One request on a connection of its own; status and body."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            if body is not None:
                headers["Content-Type"] = kind
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    for morsel in SimpleCookie(value).values():
                        self.cookies[morsel.key] = morsel.value
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, path: str, value: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST JSON to the candidate API."""
        status, body = self.call("POST", f"/exam/api/{path}", json.dumps(value).encode())
        return status, json.loads(body)


class Candidate(threading.Thread):
    """One simulated candidate; starts over when anything goes wrong."""

    def __init__(self, url: str, admission_no: str, secret: str, seed: int, known: answers.AnswerBook) -> None:
        super().__init__(daemon=True, name=f"candidate-{seed}")
        self.address = urlsplit(url).netloc
        self.admission_no, self.secret = admission_no, secret
        self.rng = Random(seed)  # noqa: S311 - a simulation
        self.known = known

    def run(self) -> None:
        """Sit, again and again."""
        while True:
            try:
                self._sit(Browser(self.address, {}))
            except (OSError, http.client.HTTPException, ValueError, KeyError, GoneWrong):
                time.sleep(RETRY_S + self.rng.random() * RETRY_S)

    def _sit(self, browser: Browser) -> None:
        form = urlencode({"admission_no": self.admission_no, "secret": self.secret}).encode()
        browser.call("GET", "/exam")
        status, _body = browser.call("POST", "/exam/enter", form, "application/x-www-form-urlencoded")
        if status != 303:
            raise GoneWrong
        status, opened = browser.ask("open", {"page": secrets.token_hex(8)})
        if status != 200 or opened["state"] != "open":
            raise GoneWrong
        threading.Thread(target=self._pulse, args=(browser, opened["epoch"], opened["version"]), daemon=True).start()
        self._answer(browser, opened)

    def _answer(self, browser: Browser, opened: dict[str, Any]) -> None:
        items = {item["slot"]: item for item in opened["paper"]["items"]}
        ability = self.rng.gauss(0.6, 0.9)
        todo = [slot for slot, _options in opened["order"] if str(slot) not in opened["answers"]]
        number = opened["ack"]
        while True:
            time.sleep(self.rng.uniform(*PAUSE_S))
            slot = todo.pop(0) if todo else self.rng.choice(list(items))
            number += 1
            operation: dict[str, Any] = {"op": number, "item": slot}
            if self.rng.random() < 0.12:
                operation["flag"] = self.rng.random() < 0.5
            else:
                operation["value"] = answers.respond(items[slot], ability, self.known, self.rng)
            status, reply = browser.ask("ops", {"epoch": opened["epoch"], "ops": [operation]})
            if status != 200 or reply["state"] != "open":
                raise GoneWrong

    def _pulse(self, browser: Browser, epoch: int, version: int) -> None:
        while True:
            try:
                status, body = browser.call("GET", f"/exam/api/pulse?epoch={epoch}&v={version}")
                if status != 200:
                    return
                version = json.loads(body)["version"]
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                return


def main() -> None:
    """`URL` as argument; one `admission_no secret` a line on standard input. Ends when standard input closes."""
    url, known = sys.argv[1], answers.book()
    for seed, line in enumerate(iter(sys.stdin.readline, "\n")):
        admission_no, secret = line.split()
        Candidate(url, admission_no, secret, seed, known).start()
        time.sleep(0.3)
    sys.stdin.read()


if __name__ == "__main__":
    main()
