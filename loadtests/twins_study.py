"""How many edited copies are noticed, and how many honest new items are held up: `python -m loadtests.twins_study FILES`.

Each file is a CSV with the columns subject, question, A, B, C, D, answer (a letter). Subjects are parted in two by their digest:
the thresholds of `itembank.similarity.bands` were looked at on half 0 and are measured on half 1 (`--half 0` shows the other).
New items are those of the other half, whose subjects are not in the index, and those of further files given by `--new`.
"""

import argparse
import csv
import hashlib
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from itembank.similarity import bands, normal_text, strip_option_letters
from itembank.similarity.bands import Texts
from itembank.similarity.twins import Match, Twins
from loadtests.twin_edits import EDITS, Source

SEED = 20_261_125


def read(path: Path) -> list[tuple[str, Source]]:
    """(subject, item) of each line that is a complete choice item."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        letter = (row.get("answer") or "").strip()
        options = tuple((row.get(name) or "").strip() for name in "ABCD")
        if letter in tuple("ABCD") and all(options) and row["question"].strip():
            found.append((row.get("subject", ""), Source(row["question"], options, "ABCD".index(letter))))
    return found


def texts(item: Source) -> Texts:
    """As the product compares it."""
    return Texts(normal_text(item.stem), tuple(sorted(map(normal_text, strip_option_letters(item.options)))))


def half_of(subject: str) -> int:
    return hashlib.sha256(subject.encode()).digest()[0] & 1


@dataclass
class Recall:
    """Of `made` edited items, how many name the item they were made of as one to look at; `identical`: refused outright."""

    made: int = 0
    noticed: int = 0
    identical: int = 0
    second: int = 0
    variant: int = 0


def sent(matches: list[Match]) -> bool:
    return any(match.way != bands.Way.SAME_CASE for match in matches)


def study(known: list[Source], per_kind: int) -> tuple[Twins, dict[str, Recall]]:
    """The index of `known`, and the recall of each kind of edit on up to `per_kind` of them."""
    rng = random.Random(SEED)
    twins = Twins()
    twins.add({n: texts(item) for n, item in enumerate(known)})
    report = {}
    for name, edit in EDITS.items():
        recall, edited = Recall(), list[tuple[int, Texts]]()
        for n in rng.sample(range(len(known)), len(known)):
            made = edit(known[n], rng, rng.choice(known))
            if made is not None and len(edited) < per_kind:
                edited.append((n, texts(made)))
        for (n, text), matches in zip(edited, twins.find_many([text for _, text in edited]), strict=True):
            recall.made += 1
            found = next((match for match in matches if match.number == n), None)
            recall.identical += text == texts(known[n])
            recall.noticed += found is not None
            recall.second += found is not None and found.score >= bands.SECOND
            recall.variant += found is not None and found.variant
        report[name] = recall
    return twins, report


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("files", nargs="+", type=Path)
    asked.add_argument("--new", nargs="*", type=Path, default=[])
    asked.add_argument("--half", type=int, default=1)
    asked.add_argument("--each", type=int, default=700)
    args = asked.parse_args()
    items = [one for path in args.files for one in read(path)]
    known = [item for subject, item in items if half_of(subject) == args.half]
    others = {"the other half": [item for subject, item in items if half_of(subject) != args.half]}
    others |= {path.name: [item for _, item in read(path)] for path in args.new}
    twins, report = study(known, args.each)
    print(f"{len(known)} items in the index")
    for name, one in report.items():
        shares = [one.noticed / one.made, one.second / one.made, one.identical / one.made, one.variant / one.made]
        print(f"{name:26} {one.made:5} " + " ".join(f"{share:6.3f}" for share in shares))
    made = sum(one.made for one in report.values())
    print(f"{'all':26} {made:5} {sum(one.noticed for one in report.values()) / made:6.3f}")
    for name, new in others.items():
        found = twins.find_many([texts(item) for item in new])
        ways = Counter(matches[0].way.value for matches in found if sent(matches))
        print(f"new: {name}: {len(new)} items, {sum(map(sent, found)) / len(new):.3f} sent to a person {dict(ways)}")


if __name__ == "__main__":
    main()
