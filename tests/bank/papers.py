"""Steps with papers, for tests."""

import re

from sqlmodel import select

from itembank.tables import Form
from tests.bank.conftest import House


def blueprint_fields(page: str) -> dict[str, str]:
    """Names and values of the blueprint form as it is shown."""
    found = dict(re.findall(r'name="((?:count|marks|low|high)\.[^"]+|\w+)" value="([^"]*)"', page))
    return {name: value for name, value in found.items() if name != "then"}


def make_blueprint(house: House, bank: str, name: str = "20 题方案", **changes: str) -> int:
    """Store the proposed blueprint with changes; its id."""
    client = house.act("manager")
    fields = blueprint_fields(client.get(f"{bank}/blueprints/new").text) | {"name": name, "old": ""} | changes
    stored = client.post(f"{bank}/blueprints/save", data=fields)
    assert stored.status_code == 303, stored.text
    found = re.findall(rf"{bank}/blueprints/(\d+)\"", client.get(f"{bank}/papers").text)
    return max(int(number) for number in found)


def ask_for_papers(house: House, bank: str, blueprint_id: int, **more: str) -> str:
    """Have a set made and wait; the page of the assembly."""
    data = {"blueprint_id": str(blueprint_id), "forms": "3", "seed": "7", **more}
    asked = house.act("manager").post(f"{bank}/papers", data=data)
    assert asked.status_code == 303, asked.text
    house.work()
    return str(asked.headers["location"])


def make_papers(house: House, bank: str, blueprint_id: int, **more: str) -> str:
    """A paper set; its page."""
    making = ask_for_papers(house, bank, blueprint_id, **more)
    done = house.act("manager").get(making)
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def forms_of(house: House, page: str) -> list[int]:
    """Ids of the forms of a set, by label."""
    with house.db() as db:
        return list(db.exec(select(Form.id).where(Form.paper_set_id == int(page.rpartition("/")[2])).order_by(Form.label)))


def let_experts_approve(house: House, page: str) -> None:
    """Both reviewers are named for a set, read its forms and approve them."""
    named = {"person_id": [str(house.people[name].person_id) for name in ("reviewer", "reviewer2")]}
    assert house.act("manager").post(f"{page}/experts", data=named).status_code == 303
    with house.db() as db:
        forms = db.exec(select(Form.id).where(Form.paper_set_id == int(page.rpartition("/")[2]))).all()
    for name in ("reviewer", "reviewer2"):
        for form_id in forms:
            voted = house.act(name).post(f"{page}/forms/{form_id}/reading", data={"opinion": "approve"})
            assert voted.status_code == 303, voted.text


def seal(house: House, page: str) -> None:
    """Approved by experts, then sealed."""
    let_experts_approve(house, page)
    assert house.act("manager").post(f"{page}/seal").status_code == 303
