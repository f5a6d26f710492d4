"""Item parameters from exams, for blueprints that ask for information: the newest estimate of each item version.

Each exam's scale has mean 0 and standard deviation 1 among its people; the forms of a bank are dealt out evenly over like groups,
so their scales are taken for one. Items used once and never again have estimates too, but are not drawn any more: this serves
banks whose items come back.
"""

from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from itembank.attributes import Sources
from itembank.sealing import Keyring
from server.grading.statistics_tables import ItemStatistic


def estimates(db: Session, bank_id: int) -> dict[int, tuple[int, int]]:
    """Item version -> slope and difficulty in thousandths, of the latest exam where a model was fitted."""
    statement = (
        select(col(ItemStatistic.item_version_id), col(ItemStatistic.body))
        .where(col(ItemStatistic.bank_id) == bank_id)
        .order_by(col(ItemStatistic.exam_session_id), col(ItemStatistic.run_no))
    )
    found: dict[int, tuple[int, int]] = {}
    for version, body in db.execute(statement):
        slope, difficulty = _value(body, "slope"), _value(body, "difficulty")
        if slope is not None and difficulty is not None and slope > 0:
            found[version] = round(1000 * slope), round(1000 * difficulty)
    return found


def _value(body: Mapping[str, Mapping[str, float]], name: str) -> float | None:
    return body.get(name, {}).get("value")


def sources(keyring: Keyring) -> Sources:
    """All there is, for whoever assembles."""
    return Sources(keyring, estimates)
