"""Steps with papers, for tests."""

import re

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
    """Ids of the forms of a set that wait for a filing number or a review."""
    text = house.act("manager").get(page).text
    return sorted({int(number) for number in re.findall(r"/forms/(\d+)/", text)})
