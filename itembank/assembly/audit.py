"""Recounts every form in plain whole numbers. Shares no code with the model's arrays, the solver or `blueprint.rows`.

A solver's answer is a claim; this is what makes it a fact. It reads the blueprint's fields and the questions chosen,
nothing else, and is run before anything is stored.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from itembank.assembly.pool_item import PoolItem as Question
from itembank.blueprint import BlueprintBody

_NO_STIMULI: Mapping[int, int] = {}


def audit(
    forms: Sequence[Sequence[Question]],
    body: BlueprintBody,
    *,
    enemies: Iterable[Iterable[int]] = (),
    stimuli: Mapping[int, int] = _NO_STIMULI,
) -> list[str]:
    """What is wrong with these forms, in words for the log.

    Empty when every demand is met, no family stands twice, no two of an enemy clique (item ids) stand on one form, and every
    stimulus is there with all its questions (`stimuli`: how many the bank has of each) or not at all.
    """
    wrong = [f"form {n}: {fault}" for n, form in enumerate(forms, 1) for fault in _audit_form(form, body)]
    families = Counter(question.family_id for form in forms for question in form)
    wrong += [f"family {family} stands {times} times" for family, times in families.items() if times > 1]
    cliques = [frozenset(clique) for clique in enemies]
    for n, form in enumerate(forms, 1):
        on_it = {question.item_id for question in form}
        wrong += [f"form {n}: enemies {sorted(clique & on_it)}" for clique in cliques if len(clique & on_it) > 1]
        for stimulus, found in Counter(question.stimulus for question in form if question.stimulus).items():
            if found != stimuli.get(stimulus, found):
                wrong.append(f"form {n}: {found} of the {stimuli[stimulus]} questions on stimulus {stimulus}")
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
    return wrong + _audit_mixes(form, body) + _audit_sums(form, body)


def _audit_mixes(form: Sequence[Question], body: BlueprintBody) -> list[str]:
    found = [
        *((f"difficulty {g.difficulty}", sum(q.difficulty == g.difficulty for q in form), g.low, g.high) for g in body.grades),
        *((f"level {c.level}", sum(q.cognitive == c.level for q in form), c.low, c.high) for c in body.cognitive),
        *(
            (f"key {one.letter}", sum(q.kind == "single" and q.letter == one.letter for q in form), one.low, one.high)
            for one in body.letters
        ),
    ]
    return [f"{name}: {count}, wanted {low}..{high}" for name, count, low, high in found if not low <= count <= high]


def _audit_sums(form: Sequence[Question], body: BlueprintBody) -> list[str]:
    wrong: list[str] = []
    if body.difficulty is not None:
        total = 100 * sum(question.difficulty for question in form)
        if not body.difficulty.low * len(form) <= total <= body.difficulty.high * len(form):
            wrong.append(f"difficulty sum {total}, wanted {body.difficulty.low}..{body.difficulty.high} each")
    if body.max_per_leaf is not None:
        for leaf, found in Counter(question.topic for question in form).items():
            if found > body.max_per_leaf:
                wrong.append(f"leaf {leaf}: {found}, at most {body.max_per_leaf}")
    if body.words is not None:
        words = sum(question.words for question in form)
        if not body.words.low <= words <= body.words.high:
            wrong.append(f"{words} characters, wanted {body.words.low}..{body.words.high}")
    return wrong + _audit_information(form, body)


def _audit_information(form: Sequence[Question], body: BlueprintBody) -> list[str]:
    """Summed item by item with `math`, to a millionth: the one row that is no whole number."""
    wrong: list[str] = []
    for demand in body.information:
        logits = ((q.discrimination / 1000, q.discrimination * (10 * demand.ability - q.location) / 1_000_000) for q in form)
        found = 1000 * math.fsum((slope / (2 * math.cosh(logit / 2))) ** 2 for slope, logit in logits)
        most = math.inf if demand.high is None else demand.high
        if not (demand.low or 0) - 1e-3 <= found <= most + 1e-3:
            wrong.append(f"information at {demand.ability}: {found:.3f}, wanted {demand.low}..{demand.high}")
    return wrong
