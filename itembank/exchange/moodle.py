"""Moodle XML: ``multichoice``, ``truefalse`` and the types in `moodle_kinds`, pictures inside as base64.

Where the format has a field it is used (``idnumber``, ``shuffleanswers``, ``generalfeedback``); leaf code, difficulty and source
clause travel as tags (`labels`), the leaf code also as the category.
"""

import base64
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from lxml import etree

from itembank import markup
from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Finder, Unfit, decode_base64
from itembank.exchange.figures import Figure
from itembank.exchange.foreign_kinds import unsupported
from itembank.exchange.grid import Refused
from itembank.exchange.item_answers import parse_units
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.labels import labels_of, read_labels
from itembank.exchange.mistakes import file_error
from itembank.exchange.moodle_kinds import READERS, TYPES, cloze_text, lacks, weight, write_kind
from itembank.exchange.outgoing import NO_FIGURES, Mark, file_name, is_correct, rationale_of, stem_of, title_of, with_sources
from itembank.exchange.safe_xml import as_comment, attribute, child, children, inner_html, name_of, parse, text_of
from itembank.exchange.texts import automatic_html, check_size
from itembank.exchange.writing import WritableItem
from itembank.items import FALSE, KINDS, TRUE, letter
from itembank.markup import from_text

__all__ = ["WITHOUT_KEY", "lacks", "sort_items", "write_items"]

_DEFAULT: Final = Reading()
_YES: Final = {"true", "1"}
_MOST_ANSWERS: Final = 50
_LABELS: Final = ("topic", "difficulty", "source", "unit")


def sort_items(data: bytes, how: Reading = _DEFAULT, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good questions and refused ones; rows count the questions of the file."""
    desk = Desk(how, figures)
    try:
        check_size(data, how.limits)
        quiz = parse(data)
        if name_of(quiz) != "quiz":
            raise Refused(file_error(msg("This is no Moodle XML: there is no <quiz>."), msg("Export it again as Moodle XML.")))
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    category, row = "", 0
    for question in children(quiz, "question"):
        if attribute(question, "type") == "category":
            category = text_of(child(question, "category"))
            continue
        row += 1
        try:
            desk.take(Question(desk, row, question).read(category))
        except Unfit as unfit:
            desk.refuse(row, unfit)
    return desk.result()


class Question:
    """One ``<question>`` being read."""

    def __init__(self, desk: Desk, row: int, element: etree._Element) -> None:
        self.desk, self.row, self.element = desk, row, element

    def read(self, category: str) -> Draft:
        """The draft. Raises `Unfit`."""
        kind = attribute(self.element, "type")
        draft = Draft(self.row, "true_false", self.html("stem", child(self.element, "questiontext")), [], ())
        answers = children(self.element, "answer")[:_MOST_ANSWERS]
        if kind == "truefalse":
            draft.correct = self._truth(answers)
        elif kind == "multichoice":
            self._choice(draft, answers)
        elif kind in READERS:
            READERS[kind](self, draft)
        else:
            raise unsupported(kind[:40], markup.plain_text(draft.stem))
        if any(text_of(child(answer, "feedback")) for answer in answers):
            self.note_remarks()
        draft.rationale = self.html("rationale", child(self.element, "generalfeedback"))
        draft.reference = self._reference(draft.stem)
        tags = child(self.element, "tags")
        labels = read_labels(text_of(tag) for tag in children(tags, "tag")) if tags is not None else {}
        draft.topic = labels.get("topic") or self.desk.topic_of_category(category)
        draft.difficulty, draft.source = labels.get("difficulty", ""), labels.get("source", "")
        if draft.kind == "numeric" and "unit" in labels:
            draft.unit, draft.units = parse_units(labels["unit"])
        return draft

    def html(self, field: str, element: etree._Element | None, edited: Callable[[str], str] = str) -> str:
        """A formatted text with its files; ``edited`` changes what is written there before it is cleaned."""
        if element is None:
            return ""
        text = child(element, "text")
        plain = text is None or len(text) == 0  # usually CDATA, sometimes elements
        content = edited(((element if text is None else text).text or "") if plain or text is None else inner_html(text))
        match attribute(element, "format"):
            case "html" | "":
                return self.desk.clean(field, content, self._finder(field, element))
            case "moodle_auto_format":
                return self.desk.clean(field, automatic_html(content), self._finder(field, element))
        return from_text(content)

    def _finder(self, field: str, element: etree._Element) -> Finder:
        """Pictures by the names they have in this text."""
        found: dict[str, str] = {}
        for file in children(element, "file"):
            data = decode_base64(text_of(file))
            figure = self.desk.add_figure(data) if data is not None else None
            if figure is not None:
                path = (attribute(file, "path") or "/") + attribute(file, "name")
                found[path.lstrip("/")] = figure.digest
        return lambda source: found.get(unquote(source).removeprefix("@@PLUGINFILE@@").lstrip("/"))

    def _truth(self, answers: list[etree._Element]) -> tuple[int, ...]:
        truths = {"true": TRUE, "false": FALSE}
        right = [text_of(child(answer, "text")).lower() for answer in answers if weight(answer) >= 100]
        return tuple(truths[text] for text in right if text in truths)

    def _choice(self, draft: Draft, answers: list[etree._Element]) -> None:
        single = text_of(child(self.element, "single")).lower()
        draft.kind = "single" if single in _YES or not single else "multiple"
        draft.options = [self.html(f"option_{letter(min(n, 8)).lower()}", answer) for n, answer in enumerate(answers, 1)]
        weights = [weight(answer) for answer in answers]
        enough = 100 if draft.kind == "single" else 0.00001
        draft.correct = tuple(n for n, weight in enumerate(weights, 1) if weight >= enough)
        if draft.kind == "single" and any(0 < weight < 100 for weight in weights):
            self.note_partly()
        shuffle = child(self.element, "shuffleanswers")
        draft.fixed_order = shuffle is not None and text_of(shuffle).lower() not in _YES

    def note_remarks(self) -> None:
        """Say that remarks on answers are lost."""
        problem = msg("Remarks on single options were not taken.")
        self.desk.note(self.row, "rationale", problem, msg("Write what matters into the explanation."))

    def note_partly(self) -> None:
        """Say that marks for partly right answers are lost."""
        self.desk.note(self.row, "key", msg("Marks for partly right options were not taken."), msg("Check the key."))

    def _reference(self, stem: str) -> str:
        """The id number; else the name, unless it only repeats the beginning of the text."""
        number = text_of(child(self.element, "idnumber"))
        name = text_of(child(self.element, "name"))
        start = " ".join(markup.shown_text(stem).split())
        return number or ("" if not start or start.startswith(name[:40].rstrip(".… ")) or name == "—" else name)


WITHOUT_KEY: Final = frozenset({"single", "multiple", "true_false"})

# --- out ----------------------------------------------------------------------------------------------------------------


def write_items(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """Items as Moodle XML; ``figures`` are the pictures by digest, one that is not there is only named."""
    quiz = etree.Element("quiz")
    for line in (f"{now:%Y-%m-%d %H:%M}", *(mark.lines if mark else ())):
        quiz.append(etree.Comment(f" {as_comment(line)} "))
    category = ""
    for item in items:
        if (item.key is None and item.body.kind not in WITHOUT_KEY) or lacks(item) is not None:
            continue
        if item.topic_code != category:
            category = item.topic_code
            head = etree.SubElement(quiz, "question", type="category")
            _text(etree.SubElement(head, "category"), f"$course$/top/{category}")
        _write(quiz, item, figures, mark)
    written: bytes = etree.tostring(quiz, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _write(quiz: etree._Element, item: WritableItem, figures: Mapping[str, Figure], mark: Mark | None) -> None:
    kind = item.body.kind
    fixed = bool(KINDS[kind].fixed_options)
    question = etree.SubElement(quiz, "question", type=TYPES.get(kind, "truefalse" if fixed else "multichoice"))
    _text(etree.SubElement(question, "name"), item.reference or title_of(item))
    _formatted(question, "questiontext", cloze_text(item) if kind == "fill_in" else stem_of(item), figures)
    _formatted(question, "generalfeedback", rationale_of(item), figures)
    _leaf(question, "defaultgrade", "1")
    _leaf(question, "penalty", "1" if fixed else "0")
    _leaf(question, "hidden", "0")
    _leaf(question, "idnumber", item.reference)
    if fixed:
        for truth, word in ((TRUE, "true"), (FALSE, "false")):
            share = "100" if is_correct(item, truth) else "0"
            _text(etree.SubElement(question, "answer", fraction=share, format="moodle_auto_format"), word)
    elif kind in TYPES:
        write_kind(question, item, lambda name, html: _formatted(question, name, html, figures))
    else:
        _write_choice(question, item, figures)
    tags = etree.SubElement(question, "tags")
    for label in (*labels_of(item, _LABELS), *([mark.label] if mark else [])):
        _text(etree.SubElement(tags, "tag"), label)


def _write_choice(question: etree._Element, item: WritableItem, figures: Mapping[str, Figure]) -> None:
    several = item.body.kind == "multiple"
    right = len(item.key.correct) if item.key is not None else 0
    _leaf(question, "single", "false" if several else "true")
    _leaf(question, "shuffleanswers", "false" if item.body.fixed_order else "true")
    _leaf(question, "answernumbering", "ABCD")
    for option in item.body.options:
        weight = "0"
        if is_correct(item, option.id):
            weight = f"{100 / right:.5f}".rstrip("0").rstrip(".") if several else "100"
        elif several and right:
            weight = "-100"
        _formatted(question, "answer", option.html, figures).set("fraction", weight)


def _formatted(parent: etree._Element, name: str, html: str, figures: Mapping[str, Figure]) -> etree._Element:
    element = etree.SubElement(parent, name, format="html")
    _text(element, with_sources(html, lambda digest: f"@@PLUGINFILE@@/{file_name(digest, figures)}"))
    for digest in sorted(markup.media_of(html)):
        if digest in figures:
            file = etree.SubElement(element, "file", name=file_name(digest, figures), path="/", encoding="base64")
            file.text = base64.b64encode(figures[digest].data).decode()
    return element


def _text(parent: etree._Element, text: str) -> None:
    etree.SubElement(parent, "text").text = text


def _leaf(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
