"""Words for codes: msgids that the catalogue knows, with the tone of their badge."""

from itembank.items import CASE_SET
from server.pages import _

KINDS: dict[str, str] = {
    "single": _("Single choice"),
    "multiple": _("Multiple choice"),
    "true_false": _("True or false"),
    "fill_in": _("Fill in"),
    "numeric": _("Calculation"),
    "matching": _("Matching"),
    "ordering": _("Ordering"),
}
"""Kind code -> its word."""

SECTIONS: dict[str, str] = KINDS | {CASE_SET: _("Case sets")}
"""Kind of a section of a paper -> its word."""

HOW: dict[str, str] = {
    "single": _("Choose one answer"),
    "multiple": _("Choose all correct answers"),
    "true_false": _("Judge whether this is correct"),
    "fill_in": _("Write into each blank."),
    "numeric": _("Write the number; the unit is not needed."),
    "matching": _("Choose for each line the option that belongs to it. Each option is used once at most."),
    "ordering": _("Put these in the right order with the arrow buttons."),
}
"""Kind code -> what the candidate is told to do."""

STATES: dict[str, tuple[str, str]] = {
    "draft": (_("Draft"), ""),
    "submitted": (_("In review"), "info"),
    "returned": (_("Returned"), "warn"),
    "approved": (_("Approved"), "ok"),
    "retired": (_("Retired"), ""),
    "quarantined": (_("Quarantined"), "bad"),
}
"""State of an item -> word, tone."""

CLAIMS: dict[str, tuple[str, str]] = {
    "free": (_("Available"), "ok"),
    "reserved": (_("Reserved"), "info"),
    "burned": (_("Used"), ""),
    "released": (_("Released"), ""),
    "voided": (_("Void"), "bad"),
}
"""State of a family in the ledger -> word, tone."""

STORY: dict[str, tuple[str, str]] = CLAIMS | {
    "merged": (_("Family joined"), "warn"),
    "parted": (_("Family parted"), ""),
    "quarantined": (_("Quarantined"), "bad"),
    "lifted": (_("Lifted"), "ok"),
}
"""What happened to a family -> word, tone."""

FORM_STATES: dict[str, tuple[str, str]] = {
    "composed": (_("Composed"), ""),
    "reviewed": (_("Reviewed by experts"), "info"),
    "sealed": (_("Sealed"), "info"),
    "filed": (_("Filed"), "ok"),
    "refused": (_("Filing refused"), "bad"),
    "opened": (_("Opened"), "warn"),
    "archived": (_("Archived"), ""),
    "voided": (_("Void"), "bad"),
}
"""State of a form -> word, tone."""

PASSPORT = ("composed", "reviewed", "sealed", "filed", "opened", "archived")
"""The way of a form when nothing goes wrong."""

BATCH_STATES: dict[str, tuple[str, str]] = {
    "staging": (_("Being stored"), ""),
    "staged": (_("Waiting for a second person"), "info"),
    "approved": (_("Approved"), "ok"),
    "published": (_("In the bank"), "ok"),
    "rejected": (_("Rejected"), "bad"),
}
"""State of an import -> word, tone."""

VOTES: dict[str, tuple[str, str]] = {
    "approve": (_("Approves"), "ok"),
    "return": (_("Sends back"), "warn"),
}
"""A reviewer's vote -> word, tone."""

OPINIONS: dict[str, tuple[str, str]] = {
    "approve": (_("Approves"), "ok"),
    "reject": (_("Rejects"), "bad"),
}
"""An expert's opinion of a form -> word, tone."""

ROUND_OUTCOMES: dict[str, tuple[str, str]] = {
    "open": (_("Before the experts"), "info"),
    "approved": (_("Approved"), "ok"),
    "rejected": (_("Sent back"), "bad"),
    "withdrawn": (_("Withdrawn"), ""),
}
"""How a round of experts ended -> word, tone."""

PROVENANCES: dict[str, str] = {
    "self_built": _("Self-built"),
    "province": _("Province"),
    "national": _("National"),
}
"""Who built a bank -> word."""

POLICIES: dict[str, str] = {
    "once": _("Each item is used once and never again"),
    "capped": _("Each item may be used a limited number of times"),
    "cooling_off": _("A used item rests for some months"),
}
"""Reuse policy -> word."""

IMPORTANCES: dict[str, str] = {
    "X": _("X core"),
    "Y": _("Y general"),
    "Z": _("Z auxiliary"),
}
"""Importance of a knowledge point -> word."""

COGNITIVE = ("识记", "理解", "应用", "分析", "综合", "评价")
"""Cognitive levels to choose from while typing; a bank may use others."""

LEVELS: dict[int, str] = {
    5: _("Level 5 (junior)"),
    4: _("Level 4 (intermediate)"),
    3: _("Level 3 (senior)"),
    2: _("Level 2 (technician)"),
    1: _("Level 1 (senior technician)"),
}
"""Level -> its word."""

FIELD_WORDS: dict[str, str] = {
    "topic": _("Knowledge point"),
    "difficulty": _("Difficulty"),
    "source": _("Source clause"),
    "rationale": _("Explanation"),
    "reference": _("Number"),
    "fixed_order": _("Fixed order of options"),
}
"""Field of an item that not every file format has -> its word."""

EXPORT_STATES: dict[str, tuple[str, str]] = {
    "asked": (_("Waiting for a second person"), "info"),
    "lapsed": (_("Nobody decided in time"), ""),
    "taken_back": (_("Taken back"), ""),
    "refused": (_("Refused"), "bad"),
    "making": (_("The file is being made"), "info"),
    "failed": (_("The file could not be made"), "bad"),
    "ready": (_("Ready to take"), "ok"),
    "over": (_("Over"), ""),
}
"""State of an export -> word, tone."""

EXPORT_STEPS: dict[str, str] = {
    "items.export_asked": _("asked for it"),
    "items.export_agreed": _("agreed"),
    "items.export_refused": _("refused"),
    "items.export_taken_back": _("took the request back"),
    "items.export_made": _("had the file made"),
    "items.export_taken": _("took the file"),
    "items.export_forgotten": _("forgot the file"),
}
"""Verb of the audit trail about an export -> what somebody did."""
