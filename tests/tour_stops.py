"""The pages of the running demo, each with the person who looks at it. See `tour`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stop:
    """One page: who looks, the path, a name for the file, and what to click first, if anything.

    `until`: what has to be there, the page is loaded again until it is; `wait`: what comes by itself. `clock_off_s`: the
    machine's clock is wrong by so much.
    """

    who: str
    path: str
    name: str
    click: tuple[str, ...] = ()
    until: str = ""
    wait: str = ""
    clock_off_s: int = 0

    @property
    def whole(self) -> bool:
        """Whether a picture shows the whole page; the board's bar of acts floats above its lower edge."""
        return not self.name.startswith("board")


STOPS = (
    Stop("", "/", "landing"),
    Stop("", "/sign-in", "sign-in"),
    Stop("", "/exam", "exam-sign-in"),
    Stop("", "/exam/check", "exam-check", wait="#check-list:not([hidden])"),
    Stop("", "/nowhere", "error-not-found"),
    Stop("bank", "/home", "home"),
    Stop("writer", "/home", "home-writer"),
    Stop("bank", "/bank", "banks"),
    Stop("bank", "/bank/new", "bank-new"),
    Stop("bank", "/bank/syllabus/import", "syllabus-import"),
    Stop("bank", "/bank/syllabus/import/{syllabus_upload}", "syllabus-preview"),
    Stop("bank", "/bank/syllabus/{newer}", "syllabus"),
    Stop("bank", "/bank/syllabus/{newer}/edit", "syllabus-edit"),
    Stop("bank", "/bank/1/follow/{newer}", "syllabus-follow"),
    Stop("bank", "/bank/1", "bank"),
    Stop("writer", "/bank/1", "bank-writer"),
    Stop("bank", "/bank/1/settings", "bank-settings"),
    Stop("bank", "/bank/1/tasks", "tasks"),
    Stop("bank", "/bank/1/tasks/new?topic=B-A&kind=single&difficulty=3&n=4", "task-new"),
    Stop("bank", "/bank/1/tasks/{task}", "task"),
    Stop("writer", "/bank/1/items", "items"),
    Stop("writer", "/bank/1/items?revise=1", "items-to-revise"),
    Stop("writer", "/bank/1/items/240", "item"),
    Stop("writer", "/bank/1/items/new", "item-new"),
    Stop("writer", "/bank/1/items/{draft}/edit", "item-edit"),
    Stop("writer", "/bank/1/items/{returned}/edit", "item-edit-remarks"),
    Stop("writer", "/bank/1/items/{revised}/versions", "item-versions"),
    *(
        Stop("writer", f"/bank/1/items/new?kind={kind}", f"item-new-{kind}")
        for kind in ("fill_in", "numeric", "matching", "ordering")
    ),
    Stop("writer", "/bank/1/items/{matching}", "item-matching"),
    Stop("writer", "/bank/1/cases", "case-sets"),
    Stop("writer", "/bank/1/cases/new", "case-set-new"),
    Stop("writer", "/bank/1/cases/{case}/edit", "case-set-edit"),
    Stop("reviewer", "/bank/1/cases/{case}", "case-set"),
    Stop("reviewer", "/bank/1/reviews", "reviews"),
    Stop("reviewer", "/bank/1/reviews/{in_review}", "item-review"),
    Stop("reviewer", "/bank/1/reviews/{revised}", "item-review-again"),
    Stop("reviewer", "/bank/1/items/{revised}", "item-discussed"),
    Stop("bank", "/bank/1/imports", "imports"),
    Stop("bank", "/bank/1/imports/{upload}", "import-mistakes"),
    Stop("bank", "/bank/1/imports/{text_upload}", "import-text-list"),
    Stop("bank2", "/bank/1/batches/1", "batch"),
    Stop("bank", "/bank/1/exports?state=approved&format=gift", "exports"),
    Stop("bank2", "/bank/1/exports/{export}", "export-to-decide"),
    Stop("bank", "/bank/1/exports/{exported}", "export-ready", until="a[download]"),
    Stop("bank", "/bank/1/coverage", "coverage"),
    Stop("bank", "/bank/1/enemies", "kept-apart-items"),
    Stop("bank", "/bank/1/ledger", "ledger"),
    Stop("reviewer", "/bank/1/twins", "near-duplicates"),
    Stop("bank", "/bank/1/quarantine", "quarantines"),
    Stop("bank", "/bank/1/quarantine/1", "quarantine"),
    Stop("bank", "/bank/1/papers", "papers"),
    Stop("bank", "/bank/1/blueprints/1", "blueprint"),
    Stop("bank", "/bank/1/blueprints/new", "blueprint-new"),
    Stop("bank", "/bank/1/blueprints/{blueprint}/edit", "blueprint-edit"),
    Stop("bank", "/bank/1/papers/{papers}", "paper-set-new"),
    Stop("bank", "/bank/1/papers/2", "paper-set-filed"),
    Stop("expert", "/bank/1/reviews", "reviews-expert"),
    Stop("expert", "/bank/1/papers/{papers}/forms/{form_read}/reading", "form-reading"),
    Stop("reviewer", "/bank/1/papers/{papers}/forms/{form_rejected}/reading", "form-rejected"),
    Stop("bank", "/bank/1/papers/2/filing", "filing-package"),
    Stop("bank", "/bank/1/papers/making/{infeasible}", "papers-infeasible"),
    Stop("officer", "/exams", "exams"),
    Stop("officer", "/exams/new", "exam-new"),
    Stop("officer", "/exams/2", "exam-open"),
    Stop("officer", "/exams/3", "exam-draft"),
    Stop("officer", "/exams/3/edit", "exam-edit"),
    Stop("custodian", "/home", "home-custodian"),
    Stop("custodian", "/exams/2/release", "release"),
    Stop("officer", "/exams/2/abort", "abort"),
    Stop("officer2", "/exams/2/override", "override"),
    Stop("officer", "/exams/2/entries", "entries"),
    Stop("officer", "/exams/2/entries/21", "entry"),
    Stop("officer", "/exams/3/roster", "roster"),
    Stop("officer", "/exams/2/rooms/2/seats", "seats"),
    Stop("officer", "/exams/1/records", "records"),
    Stop("officer", "/exams/plans", "plans"),
    Stop("officer", "/exams/centres", "centres"),
    Stop("officer", "/exams/centres/new", "centre-new"),
    Stop("officer", "/exams/centres/1/edit", "centre-edit"),
    Stop("officer", "/exams/centres/1/rooms/new", "room-new"),
    Stop("officer", "/exams/rooms/1/edit", "room-edit"),
    Stop("invigilator", "/board", "rooms"),
    Stop("invigilator", "/board/2", "board"),
    Stop("invigilator", "/board/2?room=2", "board-room"),
    Stop("invigilator", "/board/2?view=compact", "board-compact"),
    Stop("invigilator", "/board/2", "board-act", (".seat label", ".act-buttons [formaction$=message]")),
    Stop("invigilator", "/board/2/act/credit?entry=1&entry=2", "act-credit"),
    Stop("invigilator", "/board/2/act/void?entry=3", "act-void"),
    Stop("invigilator", "/board/2/approvals", "approvals"),
    Stop("invigilator", "/board/2/incidents", "incidents"),
    Stop("invigilator", "/board/2/reports", "reports"),
    Stop("invigilator", "/board/2/devices", "devices"),
    Stop("invigilator", "/board/2/kept-apart", "kept-apart"),
    Stop("invigilator", "/board/2/recovery", "recovery"),
    Stop("invigilator", "/board/2/checks", "checks"),
    Stop("invigilator", "/board/2/messages", "messages"),
    Stop("officer", "/board/2/outages", "outages", until="button[value=confirm]"),
    Stop("invigilator", "/board/2/act/reopen?entry=1", "act-reopen"),
    Stop("officer", "/board/clocks", "clocks", until=".alert.ok"),
    Stop("officer", "/board/clocks", "clocks-differ", until=".alert.bad", clock_off_s=190),
    Stop("results", "/results", "results"),
    Stop("results", "/results/1", "result"),
    Stop("results", "/results/1/candidates", "result-candidates"),
    Stop("results", "/results/1/candidates/1", "result-candidate"),
    Stop("results", "/results/1/items", "result-items"),
    Stop("results", "/results/1/statistics", "statistics", until=".form-statistics"),
    Stop("results", "/results/1/statistics/forms", "statistics-forms"),
    Stop("results", "/results/1/statistics/items", "statistics-items"),
    Stop("results", "/results/1/statistics/items/{form}/3", "statistics-item"),
    Stop("supervisor", "/results/1/statistics/hints", "statistics-hints"),
    Stop("results", "/results/1/statistics/export", "statistics-export"),
    Stop("results", "/results/1/corrections", "corrections"),
    Stop("results", "/results/1/corrections/new?form_id={form}&slot=3", "correction-new"),
    Stop("results2", "/results/1/corrections/1", "correction"),
    Stop("results2", "/results/1/publish", "publish"),
    Stop("results", "/results/1/runs", "runs"),
    Stop("results", "/results/1/check", "check"),
    Stop("", "/public/results", "public-results"),
    Stop("admin", "/system", "system"),
    Stop("admin", "/bank", "error-forbidden"),
)
