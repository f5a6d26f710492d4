"""Tens of thousands of Chinese questions by seed: common phrases with invented words between them.

Words are invented because the demo's few hundred questions put together anew would all be near-duplicates of each other; they
are drawn by Zipf's law from 30,000, so that grams are about as common and as rare as in a real bank.
"""

import random
from pathlib import Path
from typing import Final

from itembank.exchange.item_row import ImportedItem
from itembank.items import ItemBody, Option, write_body, write_key
from itembank.similarity import content_digest

CONTENT = Path(__file__).parents[1] / "server" / "demo" / "content" / "items.xlsx"
_LINKS: Final = (
    "的",
    "是",
    "在",
    "和",
    "应",
    "时",
    "中",
    "为",
    "对",
    "由",
    "或",
    "可以",
    "不得",
    "一般",
    "必须",
    "进行",
    "主要",
    "之间",
)
_ASKED: Final = ("下列说法正确的是", "应当采用", "主要作用是", "不属于", "一般为", "正确的是", "称为", "的单位是")
_UNITS: Final = ("V", "A", "Ω", "mm", "℃", "kW", "%", "min")


class _Words:
    """30,000 invented words; the n-th is drawn about 1/n as often as the first."""

    def __init__(self, rng: random.Random) -> None:
        signs = [chr(code) for code in rng.sample(range(0x4E00, 0x9000), 2500)]
        self.words = ["".join(rng.choices(signs, k=rng.choice((2, 2, 2, 3)))) for _ in range(30_000)]
        total, self.until = 0.0, list[float]()
        for n in range(1, len(self.words) + 1):
            total += 1 / (n + 20)
            self.until.append(total)

    def some(self, rng: random.Random, n: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self.until, k=n)


def generated(n: int, seed: int, topics: list[str] | None = None) -> list[ImportedItem]:
    """`n` different questions, spread over the knowledge points `topics`."""
    rng = random.Random(seed)
    words = _Words(random.Random(0))
    fixed = write_body("true_false", "x").options
    made: dict[bytes, ImportedItem] = {}
    while len(made) < n:
        kind = rng.choice(("single", "single", "multiple", "true_false"))
        stem = _clause(rng, words) + (f"，{_clause(rng, words)}" if rng.random() < 0.5 else "")
        stem += "。" if kind == "true_false" else f"，{rng.choice(_ASKED)}（　）。"
        texts = [] if kind == "true_false" else ["".join(words.some(rng, rng.randint(1, 3))) for _ in range(4)]
        if texts and rng.random() < 0.2:
            texts = [f"{rng.randint(1, 500)}{rng.choice(_UNITS)}" for _ in texts]
        options = tuple(Option(id=k, html=text) for k, text in enumerate(texts, 1)) or fixed
        if made and rng.random() < 0.03:  # somebody's copy with one character changed
            copied = next(reversed(made.values())).body
            at = rng.randrange(len(copied.stem_html) - 6)
            kind, stem = copied.kind, copied.stem_html[:at] + rng.choice("甲乙丙丁") + copied.stem_html[at + 1 :]
            texts = [] if kind == "true_false" else [option.html for option in copied.options]
            options = copied.options
        body = ItemBody(kind=kind, stem_html=stem, options=options, fixed_order=not texts)
        if len(set(texts)) == len(texts):
            key = write_key([1, 3] if kind == "multiple" else [rng.randint(1, 2)])
            digest = content_digest(body)
            topic = rng.choice(topics) if topics else ""
            made[digest] = ImportedItem(len(made) + 2, body, key, topic, rng.randint(1, 5), "", "", digest)
    return list(made.values())


def _clause(rng: random.Random, words: _Words) -> str:
    return "".join(
        part for word in words.some(rng, rng.randint(4, 8)) for part in (word, rng.choice(_LINKS) * (rng.random() < 0.6))
    )
