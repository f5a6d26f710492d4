"""Item-writing rules: what a reviewer would remark on. Pure.

Unlike `items.check_item`, nothing here forbids storing an item, except the rules of severity ``error``, which give the key
away. Each rule is a small function (`choice`, `kinds`) in the table `RULES` (one item) or `BATCH_RULES` (many); to add a rule,
write it and list it.
"""

from collections.abc import Iterable
from typing import Final

from itembank.items import ItemBody, ItemKeyData
from itembank.lint import choice, kinds
from itembank.lint.choice import BATCH_NEEDED
from itembank.lint.finding import BatchRule, Finding, LintItem, Rule, Severity, lint_item

__all__ = [
    "BATCH_NEEDED",
    "BATCH_RULES",
    "RULES",
    "Finding",
    "LintItem",
    "Severity",
    "blocking",
    "lint",
    "lint_batch",
    "lint_item",
]

RULES: Final[tuple[Rule, ...]] = (
    choice.stem_gives_key_away,
    choice.statement_is_one_sentence,
    choice.no_all_of_the_above,
    choice.no_option_stands_out,
    choice.options_are_parallel,
    choice.options_are_distinct,
    choice.negative_is_rare,
    kinds.answer_not_in_text,
    kinds.blanks_can_be_marked,
    kinds.number_is_asked_exactly,
    kinds.pairs_need_knowledge,
    kinds.prompts_are_distinct,
    kinds.steps_do_not_say_their_place,
    choice.source_is_cited,
)
BATCH_RULES: Final[tuple[BatchRule, ...]] = (choice.keys_are_balanced,)


def lint(body: ItemBody, key: ItemKeyData, source: str = "") -> list[Finding]:
    """All remarks on one item, errors first."""
    item = lint_item(body, key, source)
    found = [finding for rule in RULES for finding in rule(item)]
    return sorted(found, key=lambda finding: ("error", "warning", "hint").index(finding.severity))


def blocking(body: ItemBody, key: ItemKeyData) -> list[Finding]:
    """Only what must not be stored (severity ``error``); an import asks this for every row."""
    return list(choice.stem_gives_key_away(lint_item(body, key)))


def lint_batch(items: Iterable[LintItem]) -> list[Finding]:
    """Remarks on a batch as a whole (an import, a form)."""
    batch = list(items)
    return [finding for rule in BATCH_RULES for finding in rule(batch)]
