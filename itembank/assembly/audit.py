"""Recounts every form in plain whole numbers. Shares no code with the model's arrays, the solver or `blueprint.rows`.

A solver's answer is a claim; this is what makes it a fact. It reads the blueprint's fields and the questions chosen,
nothing else, and is run before anything is stored.
"""

from collections import Counter
from collections.abc import Sequence

from itembank.assembly.model import PoolItem as Question
from itembank.blueprint import BlueprintBody


def audit(forms: Sequence[Sequence[Question]], body: BlueprintBody) -> list[str]:
    """What is wrong with these forms, in words for the log.

    Empty when every demand is met and no family stands twice.
    """
    wrong = [f"form {n}: {fault}" for n, form in enumerate(forms, 1) for fault in _audit_form(form, body)]
    families = Counter(question.family_id for form in forms for question in form)
    wrong += [f"family {family} stands {times} times" for family, times in families.items() if times > 1]
    return wrong


def _audit_form(form: Sequence[Question], body: BlueprintBody) -> list[str]:
    wrong: list[str] = []
    wanted: Counter[str] = Counter()
    for section in body.sections:
        wanted[section.kind] += section.count
    kinds = Counter(question.kind for question in form)
    if kinds != wanted:
        wrong.append(f"kinds {dict(kinds)}, wanted {dict(wanted)}")
    for topic in body.topics:
        path = topic.code.split("-")
        found = 0
        for question in form:
            beneath = question.topic.split("-")[: len(path)] == path
            if beneath and topic.kind in {None, question.kind}:
                found += 1
        if not topic.low <= found <= topic.high:
            wrong.append(f"topic {topic.code} kind {topic.kind}: {found}, wanted {topic.low}..{topic.high}")
    for demand in body.importance:
        found = sum(question.importance == demand.importance for question in form)
        if not demand.low <= found <= demand.high:
            wrong.append(f"importance {demand.importance}: {found}, wanted {demand.low}..{demand.high}")
    return wrong + _audit_spread(form, body)


def _audit_spread(form: Sequence[Question], body: BlueprintBody) -> list[str]:
    wrong: list[str] = []
    if body.difficulty is not None:
        total = 100 * sum(question.difficulty for question in form)
        if not body.difficulty.low * len(form) <= total <= body.difficulty.high * len(form):
            wrong.append(f"difficulty sum {total}, wanted {body.difficulty.low}..{body.difficulty.high} each")
    if body.max_per_leaf is not None:
        for leaf, found in Counter(question.topic for question in form).items():
            if found > body.max_per_leaf:
                wrong.append(f"leaf {leaf}: {found}, at most {body.max_per_leaf}")
    return wrong
