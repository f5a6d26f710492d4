"""What pages and exports read of stored statistics. No numpy, no key, nothing is computed or changed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from server.errors import NotFound
from server.grading.results import Centres
from server.grading.statistics_tables import FormStatistics, ItemStatistic, SessionStatistics
from server.registry.tables import Entry, Room


@dataclass(frozen=True)
class Shown:
    """The statistics of one run: as a whole, and form by form in the order of the labels."""

    session: SessionStatistics
    forms: list[FormStatistics]

    def get_form(self, label: str) -> FormStatistics:
        """By label; the first one for "". Raises `NotFound`."""
        found = next((form for form in self.forms if label in ("", form.body["label"])), None)
        if found is None:
            raise NotFound
        return found

    @property
    def candidates(self) -> int:
        """How many the figures rest on, all forms together."""
        return sum(form.n for form in self.forms)


def of_run(db: Session, exam_session_id: int, run_no: int | None) -> Shown | None:
    """None before marking, and until the child process has computed them."""
    session = db.get(SessionStatistics, (exam_session_id, run_no)) if run_no else None
    if session is None:
        return None
    forms = db.exec(
        select(FormStatistics).where(FormStatistics.exam_session_id == exam_session_id, FormStatistics.run_no == run_no)
    ).all()
    return Shown(session, sorted(forms, key=lambda form: str(form.body["label"])))


def items(db: Session, form: FormStatistics) -> list[ItemStatistic]:
    """The items of a form in the order of the slots."""
    return list(
        db.exec(
            select(ItemStatistic)
            .where(
                ItemStatistic.exam_session_id == form.exam_session_id,
                ItemStatistic.run_no == form.run_no,
                ItemStatistic.form_id == form.form_id,
            )
            .order_by(col(ItemStatistic.slot))
        ).all()
    )


def flagged(db: Session, shown: Shown) -> list[tuple[str, ItemStatistic]]:
    """(label of the form, item) of all that stand out."""
    labels = {form.form_id: str(form.body["label"]) for form in shown.forms}
    rows = db.exec(
        select(ItemStatistic)
        .where(
            ItemStatistic.exam_session_id == shown.session.exam_session_id,
            ItemStatistic.run_no == shown.session.run_no,
            ItemStatistic.revise,
        )
        .order_by(col(ItemStatistic.form_id), col(ItemStatistic.slot))
    ).all()
    return sorted(((labels[row.form_id], row) for row in rows), key=lambda one: (one[0], one[1].slot))


def groups(db: Session, shown: Shown) -> list[dict[str, Any]]:
    """Groups of candidates of each form, with the items that differ for them: `{label, form_id, kind, name, focal, others, few,
    items: [{slot, klass}]}`."""
    found = []
    for form in shown.forms:
        rows = items(db, form) if any(not group["few"] for group in form.body["groups"]) else []
        for group in form.body["groups"]:
            differing = [
                {"slot": item.slot, "klass": one["klass"]}
                for item in rows
                for one in item.body["dif"]
                if (one["kind"], one["name"]) == (group["kind"], group["name"]) and one.get("klass") in {"B", "C"}
            ]
            found.append({**group, "label": form.body["label"], "form_id": form.form_id, "items": differing})
    return found


@dataclass(frozen=True)
class Person:
    """Somebody a hint names."""

    entry_no: int
    admission_no: str
    name: str
    room: str
    seat_no: int | None


def people(db: Session, exam_session_id: int, entry_nos: Collection[int], centres: Centres) -> dict[int, Person]:
    """Those of the reader's centres, by entry number."""
    rows = db.exec(
        select(Entry, Room)
        .join(Room, col(Room.id) == Entry.room_id, isouter=True)
        .where(Entry.exam_session_id == exam_session_id, col(Entry.no).in_(entry_nos))
    ).all()
    return {
        entry.no: Person(entry.no, entry.admission_no, entry.name, room.name if room else "", entry.seat_no)
        for entry, room in rows
        if centres is None or (room is not None and room.centre_id in centres)
    }


@dataclass(frozen=True)
class FormHints:
    """Hints of one form with the people they name. `pairs`, `fast`: None where there were too few people, see `few`."""

    label: str
    n: int
    timed: int
    compared: tuple[int, int]
    pairs: list[tuple[dict[str, Any], Person, Person]] | None
    fast: list[tuple[dict[str, Any], Person]] | None
    few: tuple[int, int] | None


def hints(db: Session, shown: Shown, centres: Centres) -> list[FormHints]:
    """A pair shows to who may see both, anybody else to who may see them."""
    forms = shown.session.hints["forms"]
    named = {no for form in forms for pair in _rows(form["pairs"]) for no in (pair["a"], pair["b"])}
    named |= {one["entry"] for form in forms for one in _rows(form["fast"])}
    known = people(db, shown.session.exam_session_id, named, centres)
    return [_form_hints(form, known) for form in forms]


def _rows(found: Any) -> list[dict[str, Any]]:
    return found if isinstance(found, list) else []


def _form_hints(form: dict[str, Any], known: dict[int, Person]) -> FormHints:
    pairs, fast = form["pairs"], form["fast"]
    few = next((tuple(one["too_few"]) for one in (pairs, fast) if not isinstance(one, list)), None)
    return FormHints(
        form["label"],
        form["n"],
        form["timed"],
        (form["compared"][0], form["compared"][1]),
        [(one, known[one["a"]], known[one["b"]]) for one in pairs if one["a"] in known and one["b"] in known]
        if isinstance(pairs, list)
        else None,
        [(one, known[one["entry"]]) for one in fast if one["entry"] in known] if isinstance(fast, list) else None,
        (few[0], few[1]) if few else None,
    )
