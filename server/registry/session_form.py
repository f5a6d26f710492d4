"""The form of an exam session: what its fields hold, what is wrong with them, and the draft they make. Pure."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from server.errors import FieldError
from server.registry.admission import DEFAULT_PATTERN, pattern_problem
from server.registry.rules import MINUTE_MS, SessionProfile
from server.registry.scheduling import Draft
from server.registry.tables import ExamSession
from server.registry.times import local_input, parse_local

MAX_MINUTES = 720


class SessionForm(BaseModel):
    """The fields as typed. Checkboxes that are not ticked do not come at all."""

    model_config = ConfigDict(extra="forbid")

    plan_id: int = 0
    title: str = ""
    starts_at: str = ""
    blueprint_id: str = ""
    minutes: str = ""
    admission_pattern: str = DEFAULT_PATTERN
    room_ids: list[int] = []
    bell: str = "scheduled"
    late_entrant_gets_full_time: bool = False
    latest_entry: str = "30"
    earliest_hand_in: str = "30"
    outage_credit_max: str = "45"
    release_before: str = "60"
    identity_check: bool = False
    seat_binding: bool = False
    supervisor_required: bool = False
    multiple_choice: str = "all_or_nothing"
    cancelled_item: str = "full_marks"
    form_use: str = "spiral"

    @classmethod
    def blank(cls) -> "SessionForm":
        """A new exam session with the defaults of the profile."""
        return cls(identity_check=True, supervisor_required=True, minutes="90")

    @classmethod
    def of(cls, session: ExamSession, room_ids: list[int]) -> "SessionForm":
        """The fields of an exam session that exists."""
        profile = SessionProfile.from_json(session.profile)
        return cls(
            plan_id=session.plan_id,
            title=session.title,
            starts_at=local_input(session.starts_at),
            blueprint_id=str(session.blueprint_id or ""),
            minutes=f"{session.duration_ms / MINUTE_MS:g}",
            admission_pattern=session.admission_pattern,
            room_ids=room_ids,
            bell=profile.bell,
            late_entrant_gets_full_time=profile.late_entrant_gets_full_time,
            latest_entry=f"{profile.latest_entry_ms / MINUTE_MS:g}",
            earliest_hand_in=f"{profile.earliest_hand_in_ms / MINUTE_MS:g}",
            outage_credit_max=f"{profile.outage_credit_max_ms / MINUTE_MS:g}",
            release_before=f"{profile.release_before_ms / MINUTE_MS:g}",
            identity_check=profile.identity_check,
            seat_binding=profile.seat_binding,
            supervisor_required=profile.supervisor_required,
            multiple_choice=profile.multiple_choice,
            cancelled_item=profile.cancelled_item,
            form_use=profile.form_use,
        )


def read(form: SessionForm, blueprint_durations: dict[int, int]) -> Draft | list[FieldError]:
    """The draft, or every field that has to be mended. A blueprint's duration wins over typed minutes."""
    problems: list[FieldError] = []
    title = " ".join(form.title.split())
    if not title or len(title) > 100:
        problems.append(FieldError("title", "A title of at most 100 characters is needed."))
    starts_at = parse_local(form.starts_at)
    if starts_at is None:
        problems.append(FieldError("starts_at", "The start is not a date and time."))
    if form.plan_id <= 0:
        problems.append(FieldError("plan_id", "Choose a plan."))
    pattern = form.admission_pattern.strip()
    pattern_wrong = pattern_problem(pattern)
    if pattern_wrong:
        problems.append(FieldError("admission_pattern", pattern_wrong))
    blueprint_id = int(form.blueprint_id) if form.blueprint_id.isdigit() else None
    duration = blueprint_durations.get(blueprint_id) if blueprint_id is not None else None
    if duration is None:
        duration = minutes(form.minutes, "minutes", 1, problems)
    profile = _profile(form, problems)
    if problems or starts_at is None or profile is None:
        return problems
    return Draft(form.plan_id, title, starts_at, duration, blueprint_id, pattern, tuple(sorted(set(form.room_ids))), profile)


def minutes(value: str, field: str, least: int, problems: list[FieldError]) -> int:
    """Typed minutes as milliseconds; 0 and one more problem when they are none."""
    text = value.strip()
    if not (text.isascii() and text.isdigit() and least <= int(text) <= MAX_MINUTES):
        problems.append(
            FieldError(
                field,
                "Whole minutes from %(least)s to %(most)s are needed.",
                (("least", least), ("most", MAX_MINUTES)),
            )
        )
        return 0
    return int(text) * MINUTE_MS


_CHOICES: dict[str, tuple[str, ...]] = {
    "bell": ("scheduled", "chief"),
    "multiple_choice": ("all_or_nothing", "part_marks"),
    "cancelled_item": ("full_marks", "leave_out"),
    "form_use": ("spiral", "lot"),
}


def _profile(form: SessionForm, problems: list[FieldError]) -> SessionProfile | None:
    values: dict[str, Any] = {
        "latest_entry_ms": minutes(form.latest_entry, "latest_entry", 0, problems),
        "earliest_hand_in_ms": minutes(form.earliest_hand_in, "earliest_hand_in", 0, problems),
        "outage_credit_max_ms": minutes(form.outage_credit_max, "outage_credit_max", 0, problems),
        "release_before_ms": minutes(form.release_before, "release_before", 5, problems),
        "late_entrant_gets_full_time": form.late_entrant_gets_full_time,
        "identity_check": form.identity_check,
        "seat_binding": form.seat_binding,
        "supervisor_required": form.supervisor_required,
    }
    for name, allowed in _CHOICES.items():
        chosen = getattr(form, name)
        if chosen not in allowed:
            problems.append(FieldError(name, "Choose one of the options."))
            return None
        values[name] = chosen
    return SessionProfile(**values)
