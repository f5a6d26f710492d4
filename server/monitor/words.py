"""The words of states and alerts, for the page and for the script that keeps it fresh."""

from typing import Any

from server.monitor.rules import Alert, SeatState
from server.pages import _, translate

STATE_WORDS: dict[SeatState, str] = {
    SeatState.EMPTY: _("Free"),
    SeatState.NOT_ARRIVED: _("Not arrived"),
    SeatState.WAITING: _("Waiting"),
    SeatState.OPEN: _("Answering"),
    SeatState.QUIET: _("Quiet"),
    SeatState.OFFLINE: _("Offline"),
    SeatState.PAUSED: _("Paused"),
    SeatState.HANDED_IN: _("Paper handed in"),
    SeatState.ABSENT: _("Absent"),
    SeatState.VOIDED: _("Voided"),
}
"""State -> msgid."""

ALERT_WORDS: dict[Alert, str] = {
    Alert.OFFLINE: _("Offline"),
    Alert.STUCK: _("Cannot get going"),
    Alert.REPORTED: _("Reported a question"),
    Alert.NOT_BOUND: _("PC not bound"),
    Alert.QUIET: _("No change for 5 minutes"),
    Alert.ENDING: _("Ends within 5 minutes"),
}
"""Alert -> msgid."""

EXAM_STATES: dict[str, str] = {
    "scheduled": _("Scheduled"),
    "open": _("Open"),
    "ended": _("Ended"),
    "marked": _("Marked"),
    "published": _("Published"),
    "aborted": _("Aborted"),
}


def board_words() -> dict[str, Any]:
    """What the script says, in the reader's language."""
    return {
        "states": {state.value: translate(word) for state, word in STATE_WORDS.items()},
        "alerts": {alert.value: translate(word) for alert, word in ALERT_WORDS.items()},
        "exam": {state: translate(word) for state, word in EXAM_STATES.items()},
        "minutes": translate(_("%(n)s min"), n="{n}"),
        "live": translate(_("Live · %(time)s"), time="{time}"),
        "stale": translate(_("Not fresh: last heard at %(time)s"), time="{time}"),
        "selected": translate(_("%(n)s selected"), n="{n}"),
        "none": translate(_("Nothing needs attention.")),
        "failed": translate(_("The server did not answer. Nothing was changed as far as we know: look at the seats.")),
    }


CHECK_STATES: dict[str, str] = {"bad": _("To be mended"), "warn": _("To be looked at"), "ok": _("In order")}
"""State of a PC's check -> msgid, worst first."""
