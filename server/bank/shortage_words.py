"""What is missing, as plain values for a job's result, and as sentences for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from itembank.blueprint import TopicFacts
from server.bank.words import IMPORTANCES, KINDS
from server.pages import _, translate

if TYPE_CHECKING:
    from itembank.assembly.explain import Explanation


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
            }
            for m in explanation.mends
        ],
        "contradictions": [
            {
                "kind": c.row.kind if c.row else None,
                "topic": c.row.topic if c.row else None,
                "importance": c.row.importance if c.row else None,
                "difficulty": c.row is None,
                "lower_by": c.lower_by,
                "raise_by": c.raise_by,
            }
            for c in explanation.contradictions
        ],
    }


def cell_words(cell: dict[str, Any], topic_names: dict[str, str]) -> str:
    """A cell in words: 判断题 · B-C 低压电器 · 核心."""
    parts = []
    if cell.get("kind"):
        parts.append(translate(KINDS[cell["kind"]]) if cell["kind"] in KINDS else str(cell["kind"]))
    topic = cell.get("topic")
    if topic:
        parts.append(f"{topic} {topic_names.get(topic, '')}".strip())
    if cell.get("importance"):
        parts.append(translate(IMPORTANCES[cell["importance"]]) if cell["importance"] in IMPORTANCES else cell["importance"])
    return " · ".join(parts) or translate(_("the whole paper"))


def shortage_sentence(cell: dict[str, Any], topic_names: dict[str, str]) -> str:
    """Which cell lacks how many."""
    return translate(
        _(
            "%(cell)s: %(per_form)s per form × %(forms)s forms = %(wants)s; unspent %(has)s, "
            "reserved or used %(spent)s: %(short)s short."
        ),
        cell=cell_words(cell, topic_names),
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


def contradiction_sentence(found: dict[str, Any], topic_names: dict[str, str]) -> str:
    """Which demand of the blueprint no bank can meet beside the others."""
    cell = translate(_("the mean difficulty")) if found["difficulty"] else cell_words(found, topic_names)
    if found["lower_by"]:
        return translate(_("%(cell)s: lower the least count by %(by)s per form."), cell=cell, by=found["lower_by"])
    return translate(_("%(cell)s: raise the highest count by %(by)s per form."), cell=cell, by=found["raise_by"])


class Sentences:
    """All of it for one bank: knows the names of its topics."""

    def __init__(self, topics: Iterable[TopicFacts]) -> None:
        self._names = {topic.code: topic.name for topic in topics}

    def shortage(self, cell: dict[str, Any]) -> str:
        """See `shortage_sentence`."""
        return shortage_sentence(cell, self._names)

    def mend(self, cell: dict[str, Any]) -> str:
        """See `mend_sentence`."""
        return mend_sentence(cell, self._names)

    def contradiction(self, cell: dict[str, Any]) -> str:
        """See `contradiction_sentence`."""
        return contradiction_sentence(cell, self._names)
