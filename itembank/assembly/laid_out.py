"""Forms as they are laid out and as it is told how they were found. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from itembank.assembly.pool_item import PoolItem, information_at
from itembank.blueprint import BlueprintBody

if TYPE_CHECKING:
    from itembank.assembly.find import Assembled

ABILITIES: Final = tuple(n / 2 for n in range(-6, 7))


def report_of(found: "Assembled", forms: Sequence[Sequence[PoolItem]]) -> dict[str, Any]:
    """How forms were found. `lowered`: wishes for information beyond the bank, as asked and as met.

    `curves`: what each form tells at `abilities`, with the estimates of now; none where no item is calibrated.
    """
    lowered = [{"ability": one.ability, "wished": one.wished, "given": one.given} for one in found.lowered]
    told: dict[str, Any] = {"method": found.method, "objective": found.objective, "steps": found.steps, "lowered": lowered}
    told |= {"value": round(found.value, 6), "bound": round(found.bound, 6), "gap": round(found.gap, 6)}
    if any(item.discrimination for form in forms for item in form):
        curves = [[round(information_at(form, ability), 4) for ability in ABILITIES] for form in forms]
        told |= {"abilities": list(ABILITIES), "curves": curves}
    return told


def in_slot_order(form: Sequence[PoolItem], body: BlueprintBody) -> tuple[PoolItem, ...]:
    """Section by section; within a section in the order of the syllabus, a case set together, at its first question's place."""
    first: dict[int, tuple[str, int]] = {}
    for item in sorted(form, key=lambda item: (item.topic, item.item_id)):
        first.setdefault(item.stimulus or -item.item_id, (item.topic, item.item_id))
    waiting: dict[str, list[PoolItem]] = defaultdict(list)
    for item in sorted(form, key=lambda item: (first[item.stimulus or -item.item_id], item.place, item.item_id)):
        waiting[item.kind].append(item)
    ordered: list[PoolItem] = []
    for section in body.sections:
        ordered += waiting[section.kind][: section.count]
        del waiting[section.kind][: section.count]
    return tuple(ordered)
