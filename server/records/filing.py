"""备案材料: the sealed forms of a paper set as a PDF for the authority, opened from their seals, with a watermark on every page.

Data in, PDF out; who may is decided in `bank.filing_prints`. Nothing of it touches a file.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from itembank import experts, keys
from itembank.items import kind_of, letter
from itembank.packages import PublicPackage, PublicSlot, load_slots, public_package
from itembank.sealing import Keyring
from itembank.tables import Bank, Form, PaperSet
from server.bank.scope import names
from server.bank.tables import PaperExport
from server.grading.words import key_words
from server.pages import beijing, marks, minutes
from server.records import rich
from server.records.sheets import level_text
from server.records.typeset import typeset

NUMBERS = "一二三四五六七八九十"
_FORMATS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/svg+xml": "svg", "image/webp": "webp"}


@dataclass(frozen=True)
class Cover:
    """What the first page and every margin say."""

    institution: str
    people: tuple[str, str]
    printed_at: datetime


def filing_pdf(
    db: Session, keyring: Keyring, bank: Bank, papers: PaperSet, forms: Sequence[Form], export: PaperExport, cover: Cover
) -> bytes:
    """The PDF. Raises what opening a seal raises."""
    packages = {form.id: public_package(db, form.id, keyring) for form in forms}
    first = packages[forms[0].id]
    people = "、".join(cover.people)
    data: dict[str, Any] = {
        "title": papers.title,
        "minutes": minutes(first.duration_ms),
        "footer": f"{cover.institution}　试卷 #{papers.id}　{beijing(cover.printed_at)} 打印",
        "watermark": f"仅供{export.recipient}备案 · {people} · {beijing(cover.printed_at, '%Y-%m-%d')}",
        "facts": _facts(bank, papers, export, cover),
        "forms": [_form(form, packages[form.id]) for form in forms],
        "experts": _experts(db, forms),
        "answers": [_answers(db, keyring, form) for form in forms] if export.with_keys else [],
        "media": _media(packages.values()),
    }
    return typeset("filing", data, made_at=cover.printed_at, mathematics=True)


def _facts(bank: Bank, papers: PaperSet, export: PaperExport, cover: Cover) -> list[tuple[str, str]]:
    return [
        ("评价机构", cover.institution),
        ("职业（工种）", f"{bank.occupation_name}（{bank.occupation_code}）"),
        ("等级", level_text(str(bank.level))),
        ("试卷", f"{papers.title}（#{papers.id}）"),
        ("封卷时间", beijing(papers.sealed_at)),
        ("接收单位", export.recipient),
        ("打印", f"{'、'.join(cover.people)}，{beijing(cover.printed_at)}"),
        ("内容", "试题与标准答案" if export.with_keys else "试题"),
    ]


def _form(form: Form, package: PublicPackage) -> dict[str, Any]:
    sections, start = [], 0
    for number, section in enumerate(package.sections):
        slots = package.items[start : start + section.count]
        start += section.count
        each = f"每题 {marks(section.marks_each)} 分，共 {marks(section.marks_each * section.count)} 分"
        title = f"{NUMBERS[number % 10]}、{kind_of(section.kind).name_zh}（{section.count} 题，{each}）"
        before = ["", *(slot.stimulus for slot in slots)]
        questions = [_question(slot, first=slot.stimulus != last) for slot, last in zip(slots, before, strict=False)]
        sections.append({"title": title, "questions": questions})
    total = marks(package.total_marks)
    return {"label": form.label, "count": len(package.items), "total": total, "digest": package.digest, "sections": sections}


def _question(slot: PublicSlot, *, first: bool) -> dict[str, Any]:
    """`first`: of the questions on one text, the one it is printed above."""
    lines = [[f"({prompt.id})", rich.tree(prompt.html)] for prompt in slot.prompts]
    lines += [[f"{letter(option.id)}.", rich.tree(option.html)] for option in slot.options]
    stem = rich.tree(slot.stem_html) + ([f"　（单位：{slot.unit}）"] if slot.unit else [])
    material = rich.tree(slot.stimulus_html) if first and slot.stimulus_html else []
    return {"number": slot.slot, "stem": stem, "lines": lines, "material": material}


def _answers(db: Session, keyring: Keyring, form: Form) -> dict[str, Any]:
    found = [
        [str(slot.slot), key_words(keys.read_key(db, keyring, version.id), version.kind)]
        for slot, version in load_slots(db, form.id)
    ]
    return {"label": form.label, "keys": found}


def _experts(db: Session, forms: Sequence[Form]) -> list[list[str]]:
    """Who approved each form in the round that decided."""
    words = {"approve": "同意", "reject": "否决"}
    lines = []
    for form in forms:
        last = experts.latest_round(db, form.id)
        votes = experts.votes_of(db, last.id) if last is not None else []
        people = names(db, [vote.person_id for vote in votes])
        lines += [[form.label, people[vote.person_id], words.get(vote.opinion, vote.opinion), beijing(vote.at)] for vote in votes]
    return lines


def _media(packages: Sequence[PublicPackage] | Any) -> dict[str, dict[str, Any]]:
    """Figures by digest: SVG as text, others as numbers, for the typesetter reads no base64."""
    found: dict[str, dict[str, Any]] = {}
    for package in packages:
        for digest, figure in package.media.items():
            kind = _FORMATS.get(figure.type)
            if kind is not None and digest not in found:
                data = base64.b64decode(figure.data_base64)
                found[digest] = {"format": kind, "data": data.decode() if kind == "svg" else list(data)}
    return found
