"""Browsers with a profile of their own on the disk, and how to kill one: power cut, not a closed window."""

import contextlib
import os
import signal
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright

from tests.journeys.client.room import ARGUMENTS


def launch(playwright: Playwright, chromium: str, profile: Path) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(
        str(profile), executable_path=chromium, args=ARGUMENTS, viewport={"width": 1366, "height": 768}, locale="zh-CN"
    )


def kill(profile: Path) -> int:
    """kill -9 every process of the browser that uses this profile, found by its own command line; how many there were."""
    killed = _of(profile)
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(200):
        if not _of(profile):
            break
        time.sleep(0.02)
    return len(killed)


def _of(profile: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"--user-data-dir={profile}\0".encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
