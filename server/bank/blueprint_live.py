"""What the page shows of a verdict: each demand beside its line, the answer, and the smallest mend in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itembank.blueprint import TopicFacts
from server.bank.blueprint_form import BlueprintForm, Share, shares
from server.bank.blueprint_reader import Checked, key_of_row
from server.bank.shortage_words import Sentences
from server.jobs import Job
from server.pages import _, translate

_PLAIN = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True)
class Need:
    """One demand against the bank: `wants` for all forms, `has` unspent. `tone`: ok, warn (for this set only), bad (short)."""

    wants: int
    has: int
    spent: int
    tone: str


@dataclass(frozen=True)
class Judged:
    """A verdict for people. `needs` by the form's key."""

    answer: str
    needs: dict[str, Need]
    told: dict[str, Any] | None
    share: int | None
    lasts: int | None
    scarcest: str
    forms: int
    enemies: int


@dataclass
class Live:
    """What changes while the form is typed: shares by topic; the verdict, or `job_id` of the one that is being worked out."""

    shares: dict[str, Share]
    job_id: int | None = None
    judged: Judged | None = None
    failed: bool = False


def live(form: BlueprintForm, topics: Sequence[TopicFacts], found: Checked) -> Live:
    """Without a verdict yet."""
    return Live(shares(form, topics, found.items))


def judged(job: Job, topics: Sequence[TopicFacts]) -> Judged | None:
    """The verdict of a job that is done; None otherwise."""
    result = job.result
    if job.state != "done" or result is None:
        return None
    sentences = Sentences(topics)
    levels = {demand["level"]: n for n, demand in enumerate(job.args["body"]["cognitive"])}
    scarcest = result["scarcest"]
    return Judged(
        answer=result["answer"],
        needs={place(_key(demand, levels)): _need(demand) for demand in result["demands"]},
        told=result["told"],
        share=None if result["share"] is None else int(100 * result["share"]),
        lasts=scarcest["lasts"] if scarcest else None,
        scarcest=sentences.cell(scarcest) if scarcest else "",
        forms=result["forms"],
        enemies=result["enemies"],
    )


def _key(demand: Mapping[str, Any], levels: Mapping[str, int]) -> str:
    if demand["cognitive"]:
        return f"cognitive {levels.get(demand['cognitive'], 0)}"
    return key_of_row(dict(demand))


def _need(demand: Mapping[str, Any]) -> Need:
    wants, has = demand["wants"], demand["has"]
    tone = "bad" if wants > has else "warn" if wants and has < 2 * wants else "ok"
    return Need(wants, has, demand["spent"], tone)


def place(key: str) -> str:
    """The name on the page of what belongs to a key of the form."""
    return _PLAIN.sub("_", key)


def answer_words(found: Judged) -> tuple[str, str]:
    """The verdict as a sentence, and the tone of its badge."""
    if found.answer == "possible":
        return translate(_("Nothing speaks against %(n)s forms"), n=found.forms), "ok"
    if found.answer == "impossible":
        return translate(_("The bank cannot give %(n)s such forms"), n=found.forms), "bad"
    return translate(_("Not decided in the time allowed")), "warn"
