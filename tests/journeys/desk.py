"""A person at a browser: signs in, and whose page must never throw."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xlsxwriter
from playwright.sync_api import Browser, Page
from python_calamine import CalamineWorkbook

from server.demo.people import PASSWORD

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


class Desk:
    """One browser context of one person."""

    def __init__(self, browser: Browser, url: str, language: str) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
        self.context.set_default_timeout(90_000)
        self.context.add_cookies([{"name": "lang", "value": language, "url": url}])
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def sign_in(self, login: str) -> "Desk":
        self.page.goto(f"{self.url}/sign-in")
        self.page.fill("[name=login]", login)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url("**/home")
        return self

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def press(self, name: str) -> None:
        """Click the button or link of this name."""
        self.page.get_by_role("button", name=name, exact=True).or_(
            self.page.get_by_role("link", name=name, exact=True)
        ).first.click()

    def close(self) -> None:
        self.context.close()
        assert self.errors == [], "\n".join(self.errors)


def rows_of(source: Path | bytes) -> list[list[Any]]:
    """The first sheet of a workbook."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python(skip_empty_area=False)


def write_rows(path: Path, rows: list[list[Any]]) -> Path:
    """A workbook with these rows."""
    with xlsxwriter.Workbook(path, {"strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("表")
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                else:
                    sheet.write(number, column, value)
    return path


def altered(source: Path, target: Path, cells: Mapping[str, Any]) -> Path:
    """A copy of a workbook's first sheet with some cells changed, by their names like `L4`."""
    rows = rows_of(source)
    for name, value in cells.items():
        rows[int(name[1:]) - 1][ord(name[0]) - ord("A")] = value
    return write_rows(target, rows)
