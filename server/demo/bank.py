"""The demo's bank: the syllabus and the items go in by the same path a user's spreadsheet takes."""

import functools
import hashlib
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, select

from itembank import experts, intake, lifecycle, papers
from itembank.blueprint import demo_blueprint
from itembank.exchange import xlsx
from itembank.intake import Source
from itembank.passport_tables import Opinion
from itembank.pool import get_bank, load_topics
from itembank.sealing import Keyring
from itembank.tables import Bank, Blueprint, ImportBatch
from server.db import Databases, reading, transaction
from server.demo.people import House

CONTENT = Path(__file__).resolve().parent / "content"


def load(dbs: Databases, keyring: Keyring, house: House, now: datetime) -> int:
    """Import syllabus and items, approve and publish the batch by a second person, store the blueprint; its id."""
    manager, second = house.people["bank"].person_id, house.people["bank2"].person_id
    tree = xlsx.read_syllabus((CONTENT / "syllabus.xlsx").read_bytes())
    assert not isinstance(tree, list), tree
    with transaction(dbs) as db:
        syllabus = intake.store_syllabus(db, house.institution_id, tree.syllabus, level=4, by=manager, now=now)
        bank = Bank(
            institution_id=house.institution_id,
            code="DG4",
            name="电工四级自建卷库",
            syllabus_id=syllabus.id,
            occupation_code=syllabus.occupation_code,
            occupation_name=syllabus.occupation_name,
            level=4,
            created_at=now,
            created_by=manager,
        )
        db.add(bank)
        db.flush()
        bank_id = bank.id
    figures = {path.name: path.read_bytes() for path in sorted((CONTENT / "figures").iterdir())}
    data = (CONTENT / "items.xlsx").read_bytes()
    items = xlsx.read_items(data, figures=figures)
    assert not isinstance(items, list), items
    begin = functools.partial(transaction, dbs)
    source = Source("items.xlsx", hashlib.sha256(data).hexdigest(), manager, now)
    batch_id = intake.stage_import(begin, keyring, bank_id, items.items, items.figures, source)
    with transaction(dbs) as db:
        batch = db.exec(select(ImportBatch).where(ImportBatch.id == batch_id)).one()
        lifecycle.approve_batch(db, batch_id, by=second, read=batch.sample, now=now, note="抽样审读，未见问题。")
        intake.publish_batch(db, batch_id, by=second, now=now)
        body = demo_blueprint(load_topics(db, get_bank(db, bank_id)), title="电工四级理论知识试卷")
        return intake.store_blueprint(db, bank_id, body, name="电工四级 50 题", by=manager, now=now).id


def make_filed_set(
    dbs: Databases, keyring: Keyring, house: House, blueprint_id: int, *, seed: int, title: str, filing: str, now: datetime
) -> int:
    """Three forms: assembled, reviewed, sealed and filed; the set's id."""
    manager = house.people["bank"].person_id
    made = papers.make_papers(functools.partial(transaction, dbs), blueprint_id, seed=seed, now=now, by=manager, title=title)
    if isinstance(made, papers.Infeasible):
        raise RuntimeError(f"the demo bank does not give these forms: {made.shortages}")
    with transaction(dbs) as db:
        _review(db, house, made, now)
        papers.seal(db, made.paper_set_id, keyring, now=now, by=manager)
        for label, form_id in zip("ABC", made.form_ids, strict=True):
            papers.file_form(db, form_id, f"{filing}-{label}", by=manager, now=now, authority="区技能人才评价管理服务中心")
    return made.paper_set_id


def _review(db: Session, house: House, made: papers.MakeResult, now: datetime) -> None:
    """Two experts read every form and approve it."""
    readers = [house.people[login].person_id for login in ("reviewer", "expert")]
    experts.name_experts(db, made.paper_set_id, readers, by=house.people["bank"].person_id, now=now)
    for form_id in made.form_ids:
        experts.ask_experts(db, form_id, by=house.people["bank"].person_id, now=now)
        for reader in readers:
            experts.vote(db, form_id, Opinion.APPROVE, by=reader, now=now, note="内容、答案与细目表相符，同意使用。")


def find_blueprint(dbs: Databases, institution_id: int) -> int:
    """The demo's blueprint."""
    with reading(dbs) as db:
        return db.exec(select(Blueprint.id).join(Bank).where(Bank.institution_id == institution_id)).one()


__all__ = ["CONTENT", "find_blueprint", "load", "make_filed_set"]
