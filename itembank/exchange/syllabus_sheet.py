"""The sheet of a content table (鉴定要素细目表) -> a `Syllabus`, with every mistake by row and column.

A title; label and value pairs (职业, 职业编码, 等级, 鉴定方式, 鉴定点数); one flat header row; one row per leaf. The cells of a
level stand on the first row of its group only, or are merged, or are repeated. A table with fewer levels leaves columns empty.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from itembank.errors import Message, msg
from itembank.exchange.grid import Grid, Oddity
from itembank.exchange.mistakes import RowError, by_place, column_letter, file_error, shorten
from itembank.syllabus import DEPTH, Area, Leaf, Problem, Ratio, Syllabus, check

TITLE: Final = "鉴定要素细目表"
LABELS: Final = {"职业": "occupation", "职业编码": "occupation_code", "等级": "level", "鉴定方式": "method"}
COUNT_LABEL: Final = "鉴定点数"
LEVELS: Final = ("一级", "二级", "三级")
LEVEL_HEADERS: Final = {"name": "名称", "code": "代码", "ratio": "重要程度比例", "weight": "鉴定比重"}
LEAF_HEADERS: Final = {"code": "鉴定点代码", "name": "鉴定点名称", "importance": "重要程度", "page": "页码"}
_IMPORTANCE_WORDS: Final = {"核心要素": "X", "核心": "X", "一般要素": "Y", "一般": "Y", "辅助要素": "Z", "辅助": "Z"}
_RATIO: Final = re.compile(r"\(?\s*([0-9]{1,4})\s*:\s*([0-9]{1,4})\s*:\s*([0-9]{1,4})\s*\)?")
_WEIGHT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)(?:(?<=\.[0-9]{2})0+)?\s*%?")


@dataclass(frozen=True, slots=True)
class ParsedSyllabus:
    """A content table in which everything adds up, and remarks on what was read with a grain of salt."""

    syllabus: Syllabus
    notes: tuple[RowError, ...]


@dataclass(slots=True)
class _Node:
    """An area while it is read."""

    code: str
    name: str
    ratio: Ratio | None
    weight: Decimal | None
    areas: list["_Node"] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)

    def frozen(self) -> Area:
        """The finished area."""
        below = tuple(area.frozen() for area in self.areas)
        return Area(self.code, self.name, self.ratio, self.weight, below, tuple(self.leaves))


def read_sheet(grids: list[Grid]) -> ParsedSyllabus | list[RowError]:
    """The first sheet with the leaf header; all mistakes if there is one."""
    for grid in grids:
        for row in range(len(grid.rows)):
            words = [_word(cell) for cell in grid.rows[row]]
            if LEAF_HEADERS["code"] in words:
                return _Reader(grid, row, words).read()
    return [
        file_error(
            msg("No header row was found."),
            msg("One row must name the columns: 一级名称, 一级代码 … 鉴定点代码, 鉴定点名称, 重要程度, 页码."),
        )
    ]


def _word(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).strip(":*")


class _Reader:
    """Reads one sheet from the top; keeps the open area of each level."""

    def __init__(self, grid: Grid, header_row: int, words: list[str]) -> None:
        self.grid, self.header_row, self.words = grid, header_row, words
        self.mistakes: list[RowError] = []
        self.notes: list[RowError] = []
        self.roots: list[_Node] = []
        self.open: list[_Node] = []
        # Full code -> the rows where it begins; two rows where a code occurs twice.
        self.area_rows: dict[str, list[int]] = {}
        self.leaf_rows: dict[str, list[int]] = {}

    def read(self) -> ParsedSyllabus | list[RowError]:
        """The table, or its mistakes."""
        self._check_headers()
        about, count = self._about()
        if not self.mistakes:
            for row in range(self.header_row + 1, len(self.grid.rows)):
                if any(cell.strip() for cell in self.grid.rows[row]):
                    self._read_row(row)
        areas = tuple(node.frozen() for node in self.roots)
        tree = Syllabus(about["occupation"], about["occupation_code"], about["level"], about["method"], count, areas)
        if not self.mistakes:
            self.mistakes = [self._placed(problem) for problem in check(tree)]
        return by_place(self.mistakes) if self.mistakes else ParsedSyllabus(tree, tuple(by_place(self.notes)))

    def _check_headers(self) -> None:
        wanted = [LEAF_HEADERS[name] for name in ("code", "name", "importance")]
        wanted += [LEVELS[0] + header for header in LEVEL_HEADERS.values()]
        for header in wanted:
            if header not in self.words:
                problem = msg("There is no column “%(header)s”.", header=header)
                mend = msg("Add the column; see the template.")
                self.mistakes.append(RowError(self.header_row + 1, "", header, "", problem, mend))

    def _about(self) -> tuple[dict[str, str], int | None]:
        """The label and value pairs above the header: in two cells, or in one as 职业：…"""
        cells = [cell.strip() for row in self.grid.rows[: self.header_row] for cell in row if cell.strip()]
        found = dict.fromkeys(LABELS.values(), "")
        count: int | None = None
        for n, cell in enumerate(cells):
            label, colon, rest = unicodedata.normalize("NFKC", cell).partition(":")
            value = rest.strip() if colon and rest.strip() else next(iter(cells[n + 1 : n + 2]), "")
            label = _word(label)
            if _word(value) in {*LABELS, COUNT_LABEL}:
                value = ""
            if label in LABELS:
                found[LABELS[label]] = found[LABELS[label]] or value
            elif label == COUNT_LABEL and value.isdecimal():
                count = int(value)
        if not found["occupation"]:
            problem, mend = msg("The occupation is missing."), msg("Write 职业 and its name above the header.")
            self.mistakes.append(RowError(1, "", "职业", "", problem, mend))
        return found, count

    def _column(self, header: str) -> int | None:
        return self.words.index(header) if header in self.words else None

    def _text(self, row: int, header: str) -> str:
        column = self._column(header)
        return "" if column is None else self.grid.text(row, column)

    def _mistake(self, row: int, header: str, problem: Message, mend: Message) -> RowError:
        column = self._column(header)
        letter = "" if column is None else column_letter(column)
        return RowError(row + 1, letter, header, shorten(self._text(row, header)), problem, mend)

    def _wrong(self, row: int, header: str, problem: Message, mend: Message) -> None:
        self.mistakes.append(self._mistake(row, header, problem, mend))

    def _read_row(self, row: int) -> None:
        for depth in range(DEPTH):
            self._read_level(row, depth)
        self._read_leaf(row)

    def _read_level(self, row: int, depth: int) -> None:
        prefix = LEVELS[depth]
        code, name = self._text(row, prefix + "代码"), self._text(row, prefix + "名称")
        if not code and not name:
            return
        current = self.open[depth] if depth < len(self.open) else None
        if current is not None and current.code == code and name in {"", current.name}:
            return
        if not code:
            self._wrong(row, prefix + "代码", msg("The code is missing."), msg("Give the area a code."))
            return
        if depth > len(self.open):
            problem = msg("The area has no area of the level above.")
            self._wrong(row, prefix + "代码", problem, msg("Fill in the level above on this row or before it."))
            return
        node = _Node(code, name, self._ratio(row, prefix + "重要程度比例"), self._weight(row, prefix + "鉴定比重"))
        siblings = self.open[depth - 1].areas if depth else self.roots
        siblings.append(node)
        self.open[depth:] = [node]
        self.area_rows.setdefault(self._full_code(), []).append(row)

    def _full_code(self) -> str:
        return "-".join(node.code for node in self.open)

    def _ratio(self, row: int, header: str) -> Ratio | None:
        text = unicodedata.normalize("NFKC", self._text(row, header))
        found = _RATIO.fullmatch(text)
        if found:
            return Ratio(*map(int, found.groups()))
        if text:
            self._wrong(row, header, msg("This is not a ratio."), msg("Write it as (05:02:00)."))
        return None

    def _weight(self, row: int, header: str) -> Decimal | None:
        text = unicodedata.normalize("NFKC", self._text(row, header))
        found = _WEIGHT.fullmatch(text)
        if found:
            return Decimal(found[1])
        if text:
            self._wrong(
                row,
                header,
                msg("This is not a weight."),
                msg("Write the share of 100 marks with at most two decimals, like 5 or 2.5."),
            )
        return None

    def _read_leaf(self, row: int) -> None:
        code, name = self._text(row, LEAF_HEADERS["code"]), self._text(row, LEAF_HEADERS["name"])
        if not code:
            if name:
                self._wrong(row, LEAF_HEADERS["code"], msg("The leaf code is missing."), msg("Write it like B-C-A-014."))
            return
        if not self.open:
            problem = msg("The leaf stands before the first area.")
            self._wrong(row, LEAF_HEADERS["code"], problem, msg("Fill in the levels on this row."))
            return
        own = self._own_code(row, code)
        importance = unicodedata.normalize("NFKC", self._text(row, LEAF_HEADERS["importance"])).upper()
        importance = _IMPORTANCE_WORDS.get(importance, importance)
        self.open[-1].leaves.append(Leaf(own, name, importance, self._text(row, LEAF_HEADERS["page"])))
        self.leaf_rows.setdefault(f"{self._full_code()}-{own}", []).append(row)

    def _own_code(self, row: int, code: str) -> str:
        """``B-C-A-014`` or ``014`` -> ``014``; a number that lost its zeros gets them back, with a note."""
        header = LEAF_HEADERS["code"]
        column = self._column(header)
        prefix, dash, own = code.rpartition("-")
        if dash and prefix != self._full_code():
            problem = msg("The leaf code does not begin with %(code)s.", code=self._full_code())
            self._wrong(row, header, problem, msg("Correct the code, or the codes of the levels."))
        if column is not None and self.grid.oddities.get((row, column)) is Oddity.NUMBER and len(own) < 3:
            self.notes.append(
                self._mistake(
                    row,
                    header,
                    msg("A number: read as %(code)s.", code=own.zfill(3)),
                    msg("Check it, or format the cell as text and type it again."),
                )
            )
            return own.zfill(3)
        return own

    def _placed(self, problem: Problem) -> RowError:
        """A problem of the tree, at the cell it is about; a code that occurs twice, at its last row."""
        code, name = problem.code, problem.field
        is_leaf = code in self.leaf_rows and (name == "importance" or code not in self.area_rows)
        rows = (self.leaf_rows if is_leaf else self.area_rows).get(code)
        if rows is None:
            return file_error(problem.problem, problem.mend)
        if is_leaf:
            header = LEAF_HEADERS.get(name, LEAF_HEADERS["code"])
        else:
            header = LEVELS[code.count("-")] + LEVEL_HEADERS.get(name, LEVEL_HEADERS["code"])
        return self._mistake(rows[-1] if name == "code" else rows[0], header, problem.problem, problem.mend)
