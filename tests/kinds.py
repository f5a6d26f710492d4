"""A form with every kind of item and one case set, sealed through the product's own functions; answers known by hand.

Slots: 1 single, 2 multiple, 3 true/false, 4 fill in, 5 and 6 calculation (one case set), 7 matching, 8 ordering.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from itembank import lifecycle, papers
from itembank.blueprint import BlueprintBody, Section
from itembank.intake import store_blueprint
from itembank.items import ItemBody, ItemKeyData, option_ids, with_stimulus, write_body, write_key
from itembank.papers import Choice
from itembank.sealing import Keyring as Keys
from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Bank, Topic, Vote
from server.clock import FakeClock
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks

SECTIONS = (
    ("single", 1, 10_00),
    ("multiple", 1, 10_00),
    ("true_false", 1, 10_00),
    ("fill_in", 1, 15_00),
    ("numeric", 2, 10_00),
    ("matching", 1, 20_00),
    ("ordering", 1, 15_00),
)
FULL = 100_00
STIMULUS = "<p>某支路电压为 220 V，电阻为 110 Ω。</p>"

PAIRS = {"电流": "安培", "电压": "伏特", "电阻": "欧姆"}
MATCH_STEM, MATCH_OPTIONS = "将物理量与单位配对。", ("欧姆", "安培", "瓦特", "伏特")
ORDER_STEM, STEPS = "将停电检修的步骤排序。", ("停电", "验电", "挂接地线", "悬挂标示牌")

MATCH_IDS = dict(zip(MATCH_OPTIONS, option_ids("matching", MATCH_STEM, MATCH_OPTIONS), strict=True))
PAIRED = [MATCH_IDS[unit] for unit in PAIRS.values()]
ORDERED = list(option_ids("ordering", ORDER_STEM, STEPS))

RIGHT: dict[int, Sequence[int | str]] = {
    1: [2],
    2: [1, 3],
    3: [2],
    4: ["交流电", "220V"],
    5: ["2"],
    6: ["440"],
    7: PAIRED,
    8: ORDERED,
}


@dataclass(frozen=True)
class Written:
    body: ItemBody
    key: ItemKeyData
    in_set: int = 0


def written() -> list[Written]:
    """The eight items, in slot order."""
    blanks = [["交流电", "AC"], ["220V", "220 伏"]]
    return [
        Written(write_body("single", "安全电压是（　）。", ["220 V", "36 V", "380 V"]), write_key([2])),
        Written(write_body("multiple", "属于导体的有（　）。", ["铜", "橡胶", "铝"]), write_key([1, 3])),
        Written(write_body("true_false", "验电可以不戴绝缘手套。"), write_key([2])),
        Written(
            write_body("fill_in", "我国民用电是____，电压为____。"), write_key(kind="fill_in", accepted=blanks, rationale="常识")
        ),
        Written(write_body("numeric", "求电流。", unit="A"), write_key(kind="numeric", number="2"), in_set=1),
        Written(
            write_body("numeric", "求功率。", unit="W"),
            write_key(kind="numeric", number="440", tolerance="1", units=["瓦"]),
            in_set=2,
        ),
        Written(write_body("matching", MATCH_STEM, MATCH_OPTIONS, prompts=list(PAIRS)), write_key(PAIRED, kind="matching")),
        Written(write_body("ordering", ORDER_STEM, STEPS), write_key(ORDERED, kind="ordering")),
    ]


def _stimulus(db: Session, bank_id: int) -> int:
    row = Stimulus(bank_id=bank_id, title="支路", created_at=banks.NOW, created_by=banks.WRITER)
    db.add(row)
    db.flush()
    db.add(StimulusVersion(stimulus_id=row.id, html=STIMULUS, created_at=banks.NOW, created_by=banks.WRITER))
    return row.id


def approved(db: Session, keyring: Keys, bank_id: int, topic_id: int, one: Written, stimulus: int) -> int:
    """The item, written, submitted and voted for; its id."""
    body = with_stimulus(one.body, str(stimulus), STIMULUS) if one.in_set else one.body
    item = lifecycle.create_item(db, keyring, bank_id, lifecycle.Draft(body, one.key, topic_id), by=banks.WRITER, now=banks.NOW)
    if one.in_set:
        item.stimulus_id, item.set_position = stimulus, one.in_set
    lifecycle.submit(db, item.id, by=banks.WRITER, with_set=bool(one.in_set))
    for voter in (banks.SECOND, banks.MANAGER):
        lifecycle.vote(db, item.id, Vote.APPROVE, by=voter, now=banks.NOW, with_set=bool(one.in_set))
    return item.id


def paper(dbs: Databases, keyring: Keyring, clock: FakeClock) -> tuple[int, dict[str, int]]:
    """Paper set and forms: form A alone."""
    tree = banks.topics(1, 1)
    with transaction(dbs) as db:
        institution = db.connection().exec_driver_sql("SELECT max(id) FROM institution").scalar_one()
    bank_id = banks.empty_bank(dbs, tree, institution_id=institution, code=f"KD{institution}")
    with transaction(dbs) as db:
        bank = db.get_one(Bank, bank_id)
        sections = tuple(Section(kind=kind, count=count, marks_each=each) for kind, count, each in SECTIONS)
        body = BlueprintBody(title="全题型卷", sections=sections, topics=(), duration_ms=20 * 60_000, forms=1)
        plan = store_blueprint(db, bank_id, body, name="全题型", by=banks.MANAGER, now=banks.NOW)
        topic_id = db.exec(select(Topic.id).where(Topic.syllabus_id == bank.syllabus_id, col(Topic.is_leaf))).first() or 0
        stimulus = _stimulus(db, bank_id)
        ids = [approved(db, keyring, bank_id, topic_id, one, stimulus) for one in written()]
        case = papers.load_case(db, plan.id)
        pool = {item.item_id: item for item in case.pool.free}
        choice = Choice((tuple(pool[item_id] for item_id in ids),), 0, 0.0, "0" * 64)
        stored = papers.store(db, case, choice, seed=1, now=clock.now(), by=banks.MANAGER)
        assert stored is not None
        papers.seal(db, stored[0].paper_set_id, keyring, now=clock.now(), by=banks.MANAGER)
        return stored[0].paper_set_id, {form.label: form.id for form in stored}
