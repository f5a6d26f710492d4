"""What is missing, as plain values for a job's result, and as sentences for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from itembank.blueprint import TopicFacts
from server.bank.words import IMPORTANCES, SECTIONS
from server.pages import _, translate

if TYPE_CHECKING:
    from itembank.assembly.explanation import Bend, Demand, Explanation
    from itembank.demands import Row
    from itembank.tables import Bank


def explained(explanation: "Explanation") -> dict[str, Any]:
    """An explanation as JSON."""
    return {
        "shortages": [
            {
                "kind": s.kind,
                "topic": s.topic,
                "importance": s.importance,
                "per_form": s.per_form,
                "forms": s.forms,
                "wants": s.wants,
                "has": s.has,
                "spent": s.spent,
                "short": s.short,
                "difficulty": s.difficulty,
                "cognitive": s.cognitive,
                "letter": s.letter,
            }
            for s in explanation.shortages
        ],
        "mends": [
            {
                "kind": m.kind,
                "topic": m.topic,
                "leaves": list(m.leaves[:12]),
                "importance": m.importance,
                "difficulty": m.difficulty,
                "add": m.add,
                "cognitive": m.cognitive,
                "letter": m.letter,
            }
            for m in explanation.mends
        ],
        "contradictions": [_bend(one) for one in explanation.contradictions],
        "bends": [_bend(one) for one in explanation.bends],
        "least": explanation.least,
        "proved": explanation.proved,
        "checked": explanation.checked,
    }


def row_of(row: "Row | None") -> dict[str, Any]:
    """Which questions a demand counts, as JSON."""
    names = ("kind", "topic", "importance", "difficulty", "cognitive", "letter")
    return {name: getattr(row, name) if row else None for name in names}


def demand_of(demand: "Demand") -> dict[str, Any]:
    """One demand against what is there, as JSON."""
    figures = {"wants": demand.wants, "has": demand.has, "spent": demand.spent, "lasts": demand.lasts}
    return {**row_of(demand.row), "low": demand.row.low, "high": demand.row.high, **figures}


def _bend(one: "Bend") -> dict[str, Any]:
    return {
        **row_of(one.row),
        "measure": one.measure,
        "lower_by": one.lower_by,
        "raise_by": one.raise_by,
        "low": one.low,
        "high": one.high,
    }


def cell_words(cell: dict[str, Any], topic_names: dict[str, str]) -> str:
    """A cell in words: 判断题 · B-C 低压电器 · 核心."""
    parts = []
    if cell.get("kind"):
        parts.append(translate(SECTIONS[cell["kind"]]) if cell["kind"] in SECTIONS else str(cell["kind"]))
    topic = cell.get("topic")
    if topic:
        parts.append(f"{topic} {topic_names.get(topic, '')}".strip())
    if cell.get("importance"):
        parts.append(translate(IMPORTANCES[cell["importance"]]) if cell["importance"] in IMPORTANCES else cell["importance"])
    if cell.get("cognitive"):
        parts.append(str(cell["cognitive"]))
    if cell.get("letter"):
        parts.append(translate(_("key %(letter)s"), letter=cell["letter"]))
    return " · ".join(parts) or translate(_("the whole paper"))


def _graded(cell: dict[str, Any], topic_names: dict[str, str]) -> str:
    """A demand in words: as a cell, and of which difficulty."""
    if not cell.get("difficulty") or cell["difficulty"] is True:
        return cell_words(cell, topic_names)
    grade = translate(_("difficulty %(grade)s"), grade=cell["difficulty"])
    others = any(cell.get(name) for name in ("kind", "topic", "importance", "cognitive", "letter"))
    return f"{cell_words(cell, topic_names)} · {grade}" if others else grade


def shortage_sentence(cell: dict[str, Any], topic_names: dict[str, str]) -> str:
    """Which cell lacks how many."""
    return translate(
        _(
            "%(cell)s: %(per_form)s per form × %(forms)s forms = %(wants)s; unspent %(has)s, "
            "reserved or used %(spent)s: %(short)s short."
        ),
        cell=_graded(cell, topic_names),
        **{name: cell[name] for name in ("per_form", "forms", "wants", "has", "spent", "short")},
    )


def mend_sentence(mend: dict[str, Any], topic_names: dict[str, str]) -> str:
    """What to write."""
    return translate(
        _("New items to write: %(add)s (%(cell)s, difficulty about %(difficulty)s)."),
        add=mend["add"],
        cell=cell_words(mend, topic_names),
        difficulty=mend["difficulty"],
    )


def bend_sentence(found: dict[str, Any], topic_names: dict[str, str]) -> str:
    """Which demand of the blueprint to change, from what to what."""
    measure = found.get("measure", "count")
    if measure == "difficulty" or found["difficulty"] is True:
        cell, unit = translate(_("the mean difficulty")), 100
    elif measure == "words":
        cell, unit = translate(_("the characters to read")), 1
    else:
        cell, unit = _graded(found, topic_names), 1
    low, high = found.get("low", 0), found.get("high", 0)
    if found["lower_by"]:
        lower = max(0, low - found["lower_by"])
        figures = _figures(low, lower, unit)
        return translate(_("%(cell)s: lower the least per form from %(old)s to %(new)s."), cell=cell, **figures)
    more = high + found["raise_by"]
    return translate(_("%(cell)s: raise the most per form from %(old)s to %(new)s."), cell=cell, **_figures(high, more, unit))


def _figures(old: int, new: int, unit: int) -> dict[str, str]:
    return {"old": f"{old / unit:g}", "new": f"{new / unit:g}"}


def tasks_of(bank: "Bank") -> str:
    """Where writing tasks for this bank begin; a shortage hangs its topic, kind, difficulty and number onto it."""
    return f"/bank/{bank.id}/tasks/new"


class Sentences:
    """All of it for one bank: knows the names of its topics."""

    def __init__(self, topics: Iterable[TopicFacts]) -> None:
        self._names = {topic.code: topic.name for topic in topics}

    def cell(self, cell: dict[str, Any]) -> str:
        """A demand in words, with its difficulty: 判断题 · B-C 低压电器 · 难度 2."""
        return _graded(cell, self._names)

    def shortage(self, cell: dict[str, Any]) -> str:
        """See `shortage_sentence`."""
        return shortage_sentence(cell, self._names)

    def mend(self, cell: dict[str, Any]) -> str:
        """See `mend_sentence`."""
        return mend_sentence(cell, self._names)

    def bend(self, cell: dict[str, Any]) -> str:
        """See `bend_sentence`."""
        return bend_sentence(cell, self._names)
