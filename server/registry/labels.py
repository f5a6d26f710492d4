"""Words for codes: msgids that the catalogue knows."""

from server.pages import _

STATES: dict[str, tuple[str, str]] = {
    "draft": (_("Draft"), ""),
    "scheduled": (_("Scheduled"), "info"),
    "open": (_("Open"), "ok"),
    "ended": (_("Ended"), "warn"),
    "marked": (_("Marked"), "info"),
    "published": (_("Published"), "ok"),
    "aborted": (_("Aborted"), "bad"),
}
"""State of an exam session -> its word and the tone of its badge."""

FORM_STATES: dict[str, str] = {
    "composed": _("Composed"),
    "reviewed": _("Reviewed"),
    "sealed": _("Sealed"),
    "filed": _("Filed"),
    "refused": _("Filing refused"),
    "opened": _("Opened"),
    "archived": _("Archived"),
    "voided": _("Voided"),
}
"""State of a form in the item bank -> its word."""

LEVEL_WORDS: dict[str, str] = {
    "5": _("Level 5 (junior)"),
    "4": _("Level 4 (intermediate)"),
    "3": _("Level 3 (senior)"),
    "2": _("Level 2 (technician)"),
    "1": _("Level 1 (senior technician)"),
}
"""Level code -> its word; a code that is not here is shown as it is."""
