"""The demo's institution, centres, rooms and people."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from server.auth import staff
from server.auth.staff import Staff
from server.auth.tables import Person
from server.people import add_institution, add_person
from server.registry.tables import Centre, Room

PASSWORD = "jikao-demo"  # noqa: S105 - printed at start; the demo refuses other addresses than loopback

PEOPLE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("writer", "林致远", ("item_writer",), "命题专家 item writer"),
    ("reviewer", "苏敏", ("reviewer",), "审题专家 reviewer"),
    ("expert", "叶青", ("reviewer",), "审题专家（第二人） second reviewer"),
    ("bank", "周启明", ("bank_manager", "item_writer"), "题库管理员 bank manager"),
    ("bank2", "何静", ("bank_manager", "reviewer"), "题库管理员（第二人） second bank manager"),
    ("custodian", "沈雅琴", ("custodian",), "试卷保管员 custodian"),
    ("custodian2", "杜明远", ("custodian",), "试卷保管员（第二人） second custodian"),
    ("officer", "郑文斌", ("exam_officer",), "考务 exam officer"),
    ("officer2", "罗兰", ("exam_officer",), "考务（第二人） second exam officer"),
    ("invigilator", "吴晓", ("invigilator",), "监考员 invigilator"),
    ("results", "韩雪", ("results_officer",), "成绩核定 results officer"),
    ("results2", "彭涛", ("results_officer",), "成绩核定（第二人） second results officer"),
    ("supervisor", "蒋伟", ("supervisor",), "质量督导 supervisor"),
    ("admin", "系统管理员", ("administrator",), "系统管理 administrator"),
)
"""(account, name, roles, who they are)."""

CENTRES = (
    ("01", "柯桥中心考点", "金柯桥大道 1 号", (("1", "一号机房", 36), ("2", "二号机房", 24))),
    ("02", "滨海分考点", "滨海大道 18 号", (("1", "实训楼 301", 20), ("2", "实训楼 302", 20))),
)


@dataclass(frozen=True)
class House:
    """Ids of what the demo stands on. `people` by account."""

    institution_id: int
    room_ids: tuple[int, ...]
    people: dict[str, Staff]


def load(db: Session, now: datetime) -> House:
    """Make the institution, its places and its people."""
    home = add_institution(db, "DEMO", "柯桥职业技能评价中心（示范）", now)
    for code, name, address, rooms in CENTRES:
        centre = Centre(institution_id=home, code=code, name=name, address=address)
        db.add(centre)
        db.flush()
        for number, room, capacity in rooms:
            db.add(Room(centre_id=centre.id or 0, number=number, name=room, capacity=capacity, spare=2))
    for login, name, roles, _what in PEOPLE:
        add_person(db, home, login, name, PASSWORD, list(roles), now)
    db.flush()
    return find(db, home)


def find(db: Session, institution_id: int) -> House:
    """The house as it stands in the database."""
    rooms = db.exec(select(Room.id).join(Centre).where(Centre.institution_id == institution_id).order_by(Room.id)).all()  # type: ignore[arg-type]
    people = db.exec(select(Person).where(Person.institution_id == institution_id)).all()
    return House(
        institution_id, tuple(room for room in rooms if room is not None), {p.login: staff.staff_of(db, p) for p in people}
    )
