"""The one permission table: role x action, asked on every staff route.

A route declares exactly one action: `who: Annotated[Staff, Depends(allow("bank.read"))]`. Scope comes with the person:
queries filter by `who.institution_id`, and invigilators' by `who.sees_centre(...)`; another institution's ids answer 404.
A test walks every route with every role and expects this table's answer.
"""

from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    "item_writer": "Item writer",
    "reviewer": "Reviewer",
    "bank_manager": "Bank manager",
    "custodian": "Custodian",
    "exam_officer": "Exam officer",
    "invigilator": "Invigilator",
    "results_officer": "Results officer",
    "supervisor": "Supervisor",
    "administrator": "System administrator",
}
"""Role -> msgid of its name. Security administrator and auditor have their place here later."""

ACTIONS: Mapping[str, frozenset[str]] = {
    action: frozenset(roles.split())
    for action, roles in {
        # every signed-in person
        "home.see": " ".join(ROLES),
        # item bank
        "bank.read": "item_writer reviewer bank_manager supervisor",
        "item.read": "item_writer reviewer bank_manager",
        "item.write": "item_writer bank_manager",
        "item.review": "reviewer bank_manager",
        "task.assign": "bank_manager",
        "item.import": "bank_manager",
        "item.export": "bank_manager",
        "item.export_decide": "bank_manager",
        "syllabus.import": "bank_manager",
        "blueprint.write": "bank_manager",
        "paper.read": "bank_manager supervisor",
        "paper.make": "bank_manager",
        "paper.withdraw": "bank_manager",
        "paper.review": "reviewer",
        "paper.export": "bank_manager",
        "bank.set": "bank_manager",
        # registry
        "exam.read": "exam_officer invigilator results_officer supervisor bank_manager custodian",
        "exam.write": "exam_officer",
        "exam.open": "exam_officer",
        "exam.abort": "exam_officer",
        "freeze.override": "exam_officer",
        "paper.release": "custodian",
        "roster.read": "exam_officer invigilator results_officer supervisor",
        "roster.write": "exam_officer",
        "supervisor.check_in": "exam_officer invigilator supervisor",
        # the room
        "board.see": "exam_officer invigilator supervisor",
        "room.act": "exam_officer invigilator",
        "recovery.take": "exam_officer invigilator",
        "check.see": "exam_officer invigilator supervisor",
        "outage.decide": "exam_officer",
        "clock.confirm": "exam_officer administrator",
        # results
        "results.read": "results_officer supervisor exam_officer bank_manager",
        "results.mark": "results_officer",
        "results.publish": "results_officer",
        "key.correct": "results_officer bank_manager",
        "statistics.see": "results_officer supervisor bank_manager",
        "statistics.export": "results_officer bank_manager",
        "hints.see": "results_officer supervisor",
        # records
        "records.print": "exam_officer invigilator results_officer supervisor",
        # system
        "system.see": "administrator",
    }.items()
}
"""Action -> the roles that may."""


def may(roles: frozenset[str], action: str) -> bool:
    """Whether any of `roles` may do `action`. An action that is not in the table raises `KeyError`."""
    return bool(roles & ACTIONS[action])
