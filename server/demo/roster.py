"""Candidates who do not exist: names, valid numbers of an area code nobody has, how able each is."""

from dataclasses import dataclass
from random import Random

from server.registry.roster import Candidate
from server.registry.rules import id_check_digit, sex_from_id

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = ("建国", "志强", "丽娟", "海燕", "永刚", "晓东", "美玲", "伟", "芳", "国华", "秀英", "鹏飞", "雪梅", "立军", "婷", "浩然")
EMPLOYERS = ("柯桥纺织机械有限公司", "滨海热电厂", "轨道交通运维中心", "东盛印染有限公司", "社会人员")
NOWHERE = "999999"
"""An area code that is not assigned, so that no number is anybody's."""


@dataclass(frozen=True)
class Simulated:
    """A candidate and an ability on the logit scale."""

    candidate: Candidate
    ability: float


def people(count: int, seed: int) -> list[Simulated]:
    """`count` candidates, always the same for a seed."""
    rng = Random(seed)  # noqa: S311 - invented people, not secrets
    made = []
    for row in range(1, count + 1):
        year, month, day = rng.randint(1970, 2004), rng.randint(1, 12), rng.randint(1, 28)
        first = f"{NOWHERE}{year}{month:02d}{day:02d}{seed % 10}{row:02d}"
        number = first + id_check_digit(first)
        candidate = Candidate(
            row=row,
            name=rng.choice(SURNAMES) + rng.choice(GIVEN),
            sex=sex_from_id(number),
            id_number=number,
            exam_type="补考" if rng.random() < 0.12 else "新考",
            employer=rng.choice(EMPLOYERS),
        )
        made.append(Simulated(candidate, rng.gauss(0.6, 0.9)))
    return made
