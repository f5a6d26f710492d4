"""`python -m tests.bank.fuzz_imports --n 5000`: that many damaged files, each to a clear answer within bounds.

Files are read by a process limited as in production (`server.apart`), which is started anew when a file ends it. Written at the
end: how many were read, refused or out of bounds, the slowest file, the most memory. A file that raises, or is answered
with something that no page could show, is a failure and named by seed and number.
"""

import argparse
import contextlib
import json
import pickle
import resource
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from itembank import markup
from itembank.exchange.files import FileOfItems, FileRead, read_file
from itembank.exchange.item_row import ImportedItem
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import RowError
from itembank.exchange.safe_figures import is_safe
from itembank.items import check_item
from server import apart, pages
from server.bank import file_reading
from tests.bank import fuzz_bombs
from tests.bank.fuzz_files import Case, cases


@dataclass(frozen=True)
class Judged:
    """What a file came to: read, refused, out of bounds, or wrong (with why); `peak_mb`: by how much the peak of memory rose."""

    outcome: str
    why: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


def judge(file: FileOfItems, read: FileRead | None = None) -> Judged:
    """Read it here and look at the answer."""
    begun, before = time.perf_counter(), _peak_mb()
    try:
        found = (read or read_file(file)).found
        why = "; ".join(faults(found))
    except Exception:
        found, why = None, traceback.format_exc()
    took = time.perf_counter() - begun
    peak = _peak_mb() - before
    if why or found is None:
        return Judged("wrong", why, took, peak)
    return Judged("read" if found.items else "refused", "", took, peak)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def faults(found: SortedItems) -> Iterator[str]:
    """What is wrong with an answer: nothing in it, words nobody can read, items the bank would not take."""
    if not found.items and not found.refused:
        yield "neither items nor mistakes"
    for one in (*found.refused, *found.notes):
        yield from _faults_of_mistake(one)
    for item in found.items:
        yield from (f"row {item.row}: {fault}" for fault in _faults_of_item(item, found))
    if not all(is_safe(figure) for figure in found.figures.values()):
        yield "a figure that is not safe"


def _faults_of_mistake(one: RowError) -> Iterator[str]:
    for message in (one.problem, one.mend):
        text = str(pages.catalogue("zh_CN").get(message.msgid, "")) % dict(message.params)
        if not text or not str(message):
            yield f"no words for {message.msgid!r}"
    json.dumps([one.row, one.column, one.header, one.value])
    if one.row < 0 or len(one.value) > 60 or markup.storable(one.value) != one.value:
        yield f"a mistake that cannot be shown: {one!r}"


def _faults_of_item(item: ImportedItem, found: SortedItems) -> Iterator[str]:
    texts = [item.body.stem_html, *(option.html for option in item.body.options), item.key.rationale_html]
    if check_item(item.body, item.key, allow_one_correct=True):
        yield "an item that is none"
    if any(markup.sanitise(text) != text or markup.storable(text) != text for text in texts):
        yield "HTML that is not clean"
    if not item.body.media <= found.figures.keys():
        yield "a figure that is not there"


class Reader:
    """A limited process that judges one file after another."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, file: FileOfItems) -> Judged:
        """What the file comes to; a process that dies of it is as good as an answer, in production it is one."""
        process = self._process = self._process if self._process is not None else _start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(file, process.stdin)
            process.stdin.flush()
            answer: Judged = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self.close()
            return Judged("out of bounds", f"the process ended with {process.returncode}")
        return answer

    def close(self) -> None:
        """End the process; the next file starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
            process.wait()


def _start() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from tests.bank.fuzz_imports import serve; serve()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def serve() -> None:
    """The other side: as limited as one that reads one file, but for the processor's time, which is for many."""
    apart.limit(apart.MEGABYTES, 24 * 3600)
    while True:
        try:
            file = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = judge(file)
        except MemoryError:
            sys.exit(1)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@dataclass
class Report:
    """Figures of a run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    most_mb: float = 0.0

    def note(self, case: Case, judged: Judged) -> None:
        """One file more."""
        self.outcomes[judged.outcome] += 1
        self.slowest = max(self.slowest, (judged.seconds, case.told))
        self.most_mb = max(self.most_mb, judged.peak_mb)
        if judged.outcome == "wrong" or judged.seconds > apart.SECONDS:
            self.wrong.append(f"{case.told}: {judged.why}")

    def __str__(self) -> str:
        slow = f"{self.slowest[0]:.2f} s ({self.slowest[1]})"
        return f"{dict(self.outcomes)}; slowest {slow}; most memory {self.most_mb:.0f} MB; wrong {len(self.wrong)}"


def run(seed: int, first: int, count: int, *, loud: bool = False) -> Report:
    """Judge so many files of a seed."""
    report, reader = Report(), Reader()
    try:
        for n, case in enumerate(cases(seed, first, count), 1):
            report.note(case, reader.judge(case.file))
            if loud and n % 500 == 0:
                print(n, report, flush=True)
    finally:
        reader.close()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first file, to see one again")
    asked = parser.parse_args()
    report = run(asked.seed, asked.first, asked.n, loud=True)
    print(report)
    for name, make in (fuzz_bombs.zip_bombs() | fuzz_bombs.large()).items():
        heavy = make()
        begun = time.perf_counter()
        read = file_reading.read_apart(heavy)
        took = time.perf_counter() - begun
        print(
            f"{name}: {len(read.found.items)} items, {read.found.refused[0].problem if read.found.refused else ''} {took:.1f} s"
        )
        report.note(Case(name, heavy), judge(heavy, read))
    for line in report.wrong[:50]:
        print(line)
    sys.exit(bool(report.wrong))


if __name__ == "__main__":
    main()
