"""The editor's page: one writer at one form, what was typed kept, the page or its preview shown."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from itembank.items import letter
from itembank.tables import Bank, Item
from server.auth.staff import Staff
from server.bank import drafts, editor, item_list, tasks
from server.bank.cognitive import known_levels
from server.bank.discussion_view import Talk, newest_remarks
from server.bank.drafts import Kept, Tab
from server.bank.editor import EditorForm, Reading
from server.bank.field_words import where
from server.bank.scope import names, own_bank, own_item, say
from server.bank.tasks import TaskLine
from server.bank.words import HOW, KINDS
from server.pages import fragment, page


@dataclass
class Editing:
    """One writer at one editor page. `item` None: a new item."""

    request: Request
    db: Session
    who: Staff
    bank: Bank
    item: Item | None
    form: EditorForm
    tab: Tab

    @property
    def now(self) -> datetime:
        """The time of this request."""
        at: datetime = self.request.app.state.clock.now()
        return at

    @property
    def base(self) -> str:
        """The address the form's acts stand under."""
        return f"/bank/{self.bank.id}/items/{self.item.id}" if self.item else f"/bank/{self.bank.id}/items"

    def read(self) -> Reading | None:
        """What the form makes; None while nothing is typed."""
        return None if self.form.is_blank else editor.read(self.db, self.who, self.bank, self.form, self.item)

    def keep(self) -> Kept:
        """Keep what was typed."""
        keyring = self.request.app.state.keyring
        return drafts.keep(self.db, keyring, self.who, self.bank, self.item, self.form, self.tab, now=self.now)

    def restored(self, number: int | None) -> datetime | None:
        """Put back what was typed before and not saved; when that was."""
        begun = self.form if self.item is None else None
        keyring = self.request.app.state.keyring
        found = drafts.restore(self.db, keyring, self.who, self.bank, self.item, number=number, begun=begun, task=self.tab.task)
        if found is None:
            return None
        self.form = found.form
        self.tab = replace(self.tab, base=found.base or self.tab.base, restored=found.mark, task=found.task)
        return found.at

    def preview(self, kept: Kept) -> Response:
        """The block beside the form, for htmx."""
        context = self._context() | {"kept": kept, "others": kept.others, "partial": True}
        return fragment(self.request, "bank/editor.html", "preview", **context)

    def show(
        self,
        *,
        kept: Kept | None = None,
        restored: datetime | None = None,
        problems: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """The whole page."""
        overtaken = drafts.overtaken(self.db, self.item, self.tab)
        others = kept.others if kept else drafts.others(self.db, self.who, self.bank, self.item, self.tab)
        if self.item is not None and overtaken is not None:  # told once: saving again puts this text on top
            self.tab = replace(self.tab, base=self.item.current_version)
        return page(
            self.request,
            "bank/editor.html",
            status=status,
            **self._context(),
            topics=item_list.topic_choices(self.db, self.bank),
            rows=editor.ROWS,
            cognitive_levels=known_levels(self.db, self.bank),
            letter=letter,
            partial=False,
            kept=kept,
            restored=restored,
            others=others,
            problems=problems or {},
            talk=self._talk(),
            task=self._task(),
            overtaken=overtaken,
            overtaken_by=names(self.db, [overtaken.created_by])[overtaken.created_by] if overtaken else "",
        )

    def kept_page(self, problems: dict[str, str], status: int) -> Response:
        """The page again, with what was typed kept."""
        return self.show(kept=self.keep(), problems=problems, status=status)

    def _task(self) -> TaskLine | None:
        """The task this page is written for, with its progress."""
        task = tasks.open_task(self.db, self.who, self.bank, self.tab.task)
        return None if task is None else tasks.lines(self.db, self.bank, [task], now=self.now)[0]

    def _talk(self) -> Talk | None:
        """What reviewers said of the version that is being revised, or of the last one they spoke about."""
        return None if self.item is None else newest_remarks(self.db, self.request.app.state.keyring, self.item)

    def _context(self) -> dict[str, Any]:
        return {
            "bank": self.bank,
            "item": self.item,
            "case": editor.case_of(self.db, self.who, self.bank, self.form, self.item),
            "form": self.form,
            "tab": self.tab,
            "reading": self.read(),
            "kinds": KINDS,
            "how": HOW,
            "say": say,
            "where": where,
            "base": self.base,
        }


def sent(request: Request, db: Session, who: Staff, bank_id: int, item_id: int | None, fields: FormData) -> Editing:
    """The editor as a browser sent it. Raises `NotFound`."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id) if item_id is not None else None
    return Editing(request, db, who, bank, item, editor.read_form(fields), drafts.read_tab(fields))
