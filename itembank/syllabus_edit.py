"""Editing a content table: lines as typed -> a tree whose ratios are counted afresh, and everything that is wrong by line. Pure.

A stored table never changes: what comes out of here is its next version. Each line remembers the place it was (`was`, a topic
of the version before), so that items can follow. A leaf that items stand on cannot be dropped: they would stand on nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from itembank.errors import Message, msg
from itembank.syllabus import DEPTH, Area, Leaf, Syllabus, check, leaf_ratio

_WEIGHT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")
_LONGEST: Final = 200
_SECOND: Final = 2
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as typed: an area of level `depth`, or a leaf of the area above it (depth 0).

    `weight` is typed text; `move` the full code of the area a leaf is to go to, "" to stay.
    """

    depth: int
    was: int | None = None
    code: str = ""
    name: str = ""
    weight: str = ""
    importance: str = ""
    page: str = ""
    move: str = ""
    drop: bool = False

    @property
    def is_leaf(self) -> bool:
        """Whether it is a knowledge point."""
        return self.depth == 0


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line (its number in what was typed; None: the whole table), in which field."""

    line: int | None
    field: str
    problem: Message
    mend: Message


@dataclass(frozen=True, slots=True)
class Edited:
    """The table as it would be. `was`: full code -> topic it comes from. `lines`: dropped ones gone, moved ones in their place.

    `ratios`: number of a typed area's line -> its ratio, printed. `below`: the weights that stand under it, added up.
    """

    tree: Syllabus
    was: dict[str, int]
    lines: tuple[Line, ...]
    ratios: dict[int, str]
    below: dict[int, Decimal]
    problems: tuple[LineProblem, ...]


@dataclass(slots=True)
class _Node:
    number: int
    line: Line
    areas: list["_Node"] = field(default_factory=list)
    leaves: list[tuple[int, Line]] = field(default_factory=list)


def edit(about: Syllabus, lines: Sequence[Line], held: Mapping[int, int]) -> Edited:
    """The lines as a table of the same occupation and level. `held`: topic -> items that stand on it."""
    return _Editor(about, lines, held).edited()


class _Editor:
    """Reads lines into nodes, moves and drops, then freezes."""

    def __init__(self, about: Syllabus, lines: Sequence[Line], held: Mapping[int, int]) -> None:
        self.about, self.held = about, held
        self.problems: list[LineProblem] = []
        self.roots: list[_Node] = []
        self.by_code: dict[str, _Node] = {}
        self.places: dict[str, list[int]] = {}
        self.was: dict[str, int] = {}
        self.ratios: dict[int, str] = {}
        self.below: dict[int, Decimal] = {}
        self._read(lines)

    def wrong(self, line: int | None, name: str, problem: Message, mend: Message) -> None:
        self.problems.append(LineProblem(line, name, problem, mend))

    def _read(self, lines: Sequence[Line]) -> None:
        path: list[_Node] = []
        leaves: list[tuple[int, Line, _Node | None]] = []
        for number, line in enumerate(lines):
            if line.is_leaf:
                leaves.append((number, line, path[-1] if path else None))
                continue
            depth = min(line.depth, len(path) + 1, DEPTH)
            node = _Node(number, line)
            (path[depth - 2].areas if depth > 1 else self.roots).append(node)
            path[depth - 1 :] = [node]
            self.by_code.setdefault("-".join(one.line.code for one in path), node)
        for number, line, home in leaves:
            self._place(number, line, home)

    def _place(self, number: int, line: Line, home: _Node | None) -> None:
        if line.drop and self._may_go(number, line):
            return
        target = self.by_code.get(line.move) if line.move else home
        if target is None and not line.move:
            self.wrong(number, "code", msg("The leaf stands before the first area."), msg("Fill in the levels on this row."))
        elif target is None:
            problem = msg("There is no area with the code %(code)s.", code=line.move)
            self.wrong(number, "move", problem, msg("Choose one of the areas above, by its whole code."))
            target = home
        if target is not None:
            target.leaves.append((number, line))

    def _may_go(self, number: int, line: Line) -> bool:
        items = self.held.get(line.was or 0, 0)
        if items:
            problem = msg("%(n)s items stand on this knowledge point: it cannot be removed.", n=items)
            mend = msg("Move those items to another knowledge point first, or keep it: it may be renamed or moved.")
            self.wrong(number, "drop", problem, mend)
        return not items

    def edited(self) -> Edited:
        """All of it."""
        areas = tuple(area for node in self.roots for area in self._frozen(node, ""))
        about = self.about
        tree = Syllabus(about.occupation, about.occupation_code, about.level, about.method, None, areas)
        for found in check(tree):
            numbers = self.places.get(found.code, [])
            number = (numbers[-1] if found.field == "code" else numbers[0]) if numbers else None
            self.wrong(number, found.field, found.problem, found.mend)
        lines = tuple(line for node in self.roots for line in self._flat(node))
        problems = tuple(sorted(self.problems, key=lambda one: -1 if one.line is None else one.line))
        return Edited(tree, self.was, lines, self.ratios, self.below, problems)

    def _frozen(self, node: _Node, prefix: str) -> list[Area]:
        """The area; nothing where it is dropped and nothing is left under it."""
        line = node.line
        code = f"{prefix}-{line.code}" if prefix else line.code
        below = tuple(area for one in node.areas for area in self._frozen(one, code))
        if line.drop and not below and not node.leaves:
            return []
        if line.drop:
            left = len(below) + len(node.leaves)
            problem = msg("%(n)s places still stand under this area: it cannot be removed.", n=left)
            self.wrong(node.number, "drop", problem, msg("Remove or move what is under it first."))
        self._note(node.number, line, code)
        leaves = tuple(self._leaf(number, leaf, code) for number, leaf in node.leaves)
        bare = Area(line.code, line.name, None, self._weight(node), below, leaves)
        area = replace(bare, ratio=leaf_ratio(bare))
        self.ratios[node.number] = str(area.ratio)
        if below:
            self.below[node.number] = sum((one.weight or Decimal(0) for one in below), Decimal(0))
        return [area]

    def _note(self, number: int, line: Line, code: str) -> None:
        self.places.setdefault(code, []).append(number)
        if line.was is not None:
            self.was[code] = line.was
        if max(len(line.name), len(line.page)) > _LONGEST:
            problem = msg("The text is too long: %(n)s characters.", n=max(len(line.name), len(line.page)))
            self.wrong(number, "name", problem, msg("Shorten it to at most %(longest)s characters.", longest=_LONGEST))

    def _leaf(self, number: int, line: Line, prefix: str) -> Leaf:
        self._note(number, line, f"{prefix}-{line.code}")
        return Leaf(line.code, line.name, line.importance, line.page)

    def _weight(self, node: _Node) -> Decimal | None:
        text = node.line.weight.removesuffix("%").strip()
        if _WEIGHT.fullmatch(text):
            return Decimal(text)
        if text:
            mend = msg("Write the share of 100 marks with at most two decimals, like 5 or 2.5.")
            self.wrong(node.number, "weight", msg("This is not a weight."), mend)
        return None

    def _flat(self, node: _Node) -> Iterable[Line]:
        yield node.line
        yield from (replace(line, move="") for _number, line in node.leaves)
        for area in node.areas:
            yield from self._flat(area)


def lines_of(tree: Syllabus, topics: Mapping[str, int]) -> list[Line]:
    """The lines of a stored table. `topics`: full code -> topic."""
    found: list[Line] = []

    def add(area: Area, prefix: str, depth: int) -> None:
        code = f"{prefix}-{area.code}" if prefix else area.code
        weight = "" if area.weight is None else f"{area.weight.normalize():f}"
        found.append(Line(depth, topics.get(code), area.code, area.name, weight))
        for leaf in area.leaves:
            was = topics.get(f"{code}-{leaf.code}")
            found.append(Line(0, was, leaf.code, leaf.name, "", leaf.importance, leaf.page))
        for below in area.areas:
            add(below, code, depth + 1)

    for area in tree.areas:
        add(area, "", 1)
    return found


def with_leaf(lines: Sequence[Line], area: int) -> tuple[list[Line], int]:
    """A new leaf at the end of the area on line `area`, with the next code; and its number.

    Numbers mostly run on through an area of the second level; where they begin anew in each area, so does the next code.
    """
    end = area + 1
    while end < len(lines) and lines[end].is_leaf:
        end += 1
    codes, wide = _numbers(lines, area + 1, end), _numbers(lines, *_around(lines, area))
    chosen = wide if len(set(wide)) == len(wide) else codes
    width = max((len(code) for code in chosen), default=3)
    number = max((int(code) for code in chosen), default=0) + 1
    return [*lines[:end], Line(0, code=str(number).zfill(width), importance="X"), *lines[end:]], end


def _numbers(lines: Sequence[Line], begin: int, end: int) -> list[str]:
    return [line.code for line in lines[begin:end] if line.is_leaf and line.code.isdecimal()]


def _around(lines: Sequence[Line], area: int) -> tuple[int, int]:
    """First and last line of the area of the second level (or the first) that the area on this line belongs to."""
    begin = next((n for n in range(area, -1, -1) if 0 < lines[n].depth <= _SECOND), 0)
    return begin, next((n for n in range(begin + 1, len(lines)) if 0 < lines[n].depth <= _SECOND), len(lines))


def with_area(lines: Sequence[Line], above: int | None) -> tuple[list[Line], int]:
    """A new area at the end of those under line `above` (None: of the first level), with the next code; and its number."""
    depth = 1 if above is None else lines[above].depth + 1
    begin = 0 if above is None else above + 1
    end = begin
    while end < len(lines) and (lines[end].is_leaf or lines[end].depth >= depth):
        end += 1
    codes = [line.code for line in lines[begin:end] if line.depth == depth]
    code = next((letter for letter in _LETTERS if letter > max(codes, default="") and letter not in codes), "")
    return [*lines[:end], Line(depth, code=code), *lines[end:]], end
