"""Coverage of the content table for its page and as a workbook: what is there by topic, and of which kinds."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from itembank.pool import capacity_of, scope_of, visible
from itembank.tables import Bank, Item, ItemVersion, Topic
from server.bank.overview import TopicRow, claim_columns, coverage, drawable, live_claims
from server.bank.words import IMPORTANCES, KINDS
from server.pages import _, translate

_HEADS = (
    _("Code"), _("Topic"), _("Importance"), _("Weight"), _("Approved"), _("Available"), _("Reserved"), _("Used"), _("In work"),
    _("Too few by"),
)  # fmt: skip
_WIDTHS = (14, 50, 12, 10, 10, 10, 10, 10, 10, 10)


@dataclass(frozen=True)
class CoveragePage:
    """`rows` as shown, `kinds` by code: how many are available of each kind. `short`: leaves below the usual least number."""

    rows: list[TopicRow]
    kinds: dict[str, Counter[str]]
    short: int
    leaves: int


def coverage_page(db: Session, bank: Bank, *, only_short: bool) -> CoveragePage:
    """The whole tree, or only leaves with too few items and what stands above them."""
    rows = coverage(db, bank)
    short = [row.code for row in rows if row.short]
    shown = [row for row in rows if not only_short or _leads_to(row.code, short)]
    return CoveragePage(shown, free_by_kind(db, bank), len(short), sum(row.is_leaf for row in rows))


def _leads_to(code: str, leaves: Sequence[str]) -> bool:
    return any(leaf == code or leaf.startswith(f"{code}-") for leaf in leaves)


def free_by_kind(db: Session, bank: Bank) -> dict[str, Counter[str]]:
    """Code of a topic, at every level -> available items by kind."""
    live = live_claims([scope_of(bank)])
    free = claim_columns(live, capacity_of(bank))["free"]
    statement = (
        select(col(Topic.code), col(ItemVersion.kind), func.count())
        .select_from(Item)
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .join(ItemVersion, (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.approved_version)))
        .outerjoin(live, live.c.family_id == col(Item.family_id))
        .where(col(Item.bank_id) == bank.id, visible(), drawable(), free)
        .group_by(col(Topic.code), col(ItemVersion.kind))
    )
    found: dict[str, Counter[str]] = {}
    for code, kind, count in db.execute(statement):
        above = code
        while above:
            found.setdefault(above, Counter())[kind] += count
            above = above.rpartition("-")[0]
    return found


def workbook(rows: Sequence[TopicRow], kinds: Mapping[str, Mapping[str, int]]) -> bytes:
    """One row a topic. Codes and names are text, so that nothing becomes a formula."""
    import xlsxwriter  # with the first file, not at start-up

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(translate(_("Coverage"))[:31])
        bold = book.add_format({"bold": True, "bg_color": "#DCE6F1"})
        heads = [translate(head) for head in _HEADS] + [translate(word) for word in KINDS.values()]
        for column, head in enumerate(heads):
            sheet.set_column(column, column, _WIDTHS[column] if column < len(_WIDTHS) else 12)
            sheet.write_string(0, column, head, bold)
        sheet.freeze_panes(1, 2)
        for n, row in enumerate(rows, 1):
            tally = row.tally
            importance = IMPORTANCES.get(row.importance or "", "")
            for column, text in enumerate((row.code, row.name, translate(importance) if importance else "")):
                sheet.write_string(n, column, text)
            if row.weight is not None:
                sheet.write_number(n, 3, row.weight / 100)
            figures = [tally.approved, tally.free, tally.reserved, tally.burned, tally.waiting, row.short]
            figures += [kinds.get(row.code, {}).get(kind, 0) for kind in KINDS]
            for column, figure in enumerate(figures, 4):
                sheet.write_number(n, column, figure)
    return out.getvalue()
