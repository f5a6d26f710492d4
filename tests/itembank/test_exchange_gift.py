"""GIFT and Aiken: what Moodle's documents show comes in, what is written comes back, the rest is refused by name."""

import pytest
from hypothesis import given, settings

from itembank.exchange import aiken, formats, gift
from itembank.exchange.item_row import ImportedItem, Reading
from tests.itembank.exchanged import NOW, PICTURES, READING, batches, everything, notes, png, refusals

NAMED = {f"{digest}.png": figure.data for digest, figure in PICTURES.items()}


@settings(deadline=None, max_examples=60)
@given(batches())
def test_gift_gives_back_what_was_written(written: list[ImportedItem]) -> None:
    found = gift.sort_items(gift.write_items(written, now=NOW, figures=PICTURES), Reading(), NAMED)
    assert refusals(found) == []
    assert everything(found.items) == everything(written)
    assert notes(found) == []


@settings(deadline=None, max_examples=40)
@given(batches(["single", "true_false"], pictures=False, formatting=False))
def test_aiken_gives_back_stem_options_and_key(written: list[ImportedItem]) -> None:
    lossy = {note.row for note in formats.losses(formats.FORMATS["aiken"], written) if "Formatting" in str(note.problem)}
    kept = [item for n, item in enumerate(written, 1) if n not in lossy and not _says_true_and_false(item)]
    found = aiken.sort_items(aiken.write_items(kept, now=NOW), READING)
    if not kept:
        return
    assert refusals(found) == []
    expected = [(one.body.kind, one.body.stem_html, one.body.options, one.key.correct) for one in kept]
    assert [(one.body.kind, one.body.stem_html, one.body.options, one.key.correct) for one in found.items] == expected


def _says_true_and_false(item: ImportedItem) -> bool:
    return item.body.kind == "single" and len(item.body.options) == 2


GIFT = r"""
// a comment
$CATEGORY: $course$/top/泵/B-C-A-014

// question: 7  [id:泵-7] [tag:难度:3] [tag:依据:GB 50148 第3条] [tag:other]
::old name::[html]<p>1\:2 \{是\}</p> {
   =[plain]a < b # 好
   ~wrong
   ~%50%half
   ####[html]因为 <b>如此</b>
}

Grant is {~buried =entombed ~living} in the tomb.

多选\n两行{ ~%50%甲 ~%50%乙 ~%-100%丙 }

离心泵启动前应关闭出口阀。{T#no#yes}

short{=a =b}

match{=a -> b =c -> d}

number{#3:2}

essay{}

just text

open { =a ~b

离心泵启动前应关闭出口阀。{F}
"""


def test_gift_as_moodle_writes_it() -> None:
    found = gift.sort_items(GIFT.encode(), Reading())
    first, missing_word, several, truth, short, match, number = found.items
    assert first.body.stem_html == "<p>1:2 {是}</p>"
    assert [option.html for option in first.body.options] == ["a &lt; b", "wrong", "half"]
    assert (first.key.correct, first.key.rationale_html) == ((1,), "因为 <b>如此</b>")
    assert (first.reference, first.topic_code, first.difficulty, first.source) == ("泵-7", "B-C-A-014", 3, "GB 50148 第3条")
    assert missing_word.body.stem_html == "Grant is（  ）in the tomb."
    assert (several.body.kind, several.key.correct, several.body.stem_html) == ("multiple", (1, 2), "多选<br>两行")
    assert (truth.body.kind, truth.key.correct) == ("true_false", (1,))
    assert [(one.body.kind, one.body.stem_html) for one in (short, match, number)] == [
        ("fill_in", "short ____"),
        ("matching", "match"),
        ("numeric", "number"),
    ]
    assert [problem.split("“")[-1].split("”")[0] for _, problem in refusals(found)[:2]] == ["essay", "description"]
    assert [problem for _, problem in refusals(found)[2:]] == [
        "The braces around the answers are not closed.",
        f"This is the same item as number {truth.row}.",
    ]
    assert notes(found) == [
        (first.row, "Marks for partly right options were not taken."),
        (first.row, "Remarks on single options were not taken."),
        (truth.row, "Remarks on single options were not taken."),
    ]


def test_a_question_without_a_leaf_is_refused_with_its_line() -> None:
    found = gift.sort_items("\n\n水是{=液体 ~固体}".encode())
    assert refusals(found) == [(3, "The leaf code is missing.")]
    assert found.refused[0].value == "水是"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(encoding: str) -> None:
    found = gift.sort_items("水在常温下是（ ）。{=液体 ~固体}".encode(encoding), READING)
    assert found.items[0].body.stem_html == "水在常温下是（ ）。"


def test_pictures_of_gift_come_beside_it() -> None:
    text = '[html]<img src="@@PLUGINFILE@@/%E6%B3%B5.png"> 是（ ）。{=泵 ~阀}'
    (item,) = gift.sort_items(text.encode(), READING, {"泵.PNG": png(1)}).items
    assert item.body.media <= PICTURES.keys()
    assert "“@@PLUGINFILE@@/" in refusals(gift.sort_items(text.encode(), READING))[0][1]


def test_scripts_do_not_reach_the_text() -> None:
    found = gift.sort_items(b"[html]<script>x</script><b onclick\\=1>a</b>{=b ~c}", READING)
    assert found.items[0].body.stem_html == "<b>a</b>"


def test_a_key_left_in_the_text_is_refused() -> None:
    assert refusals(gift.sort_items("水是（A）。{=液体 ~固体}".encode(), READING)) == [
        (1, "The blank in the text is filled in with the key.")
    ]


def test_losses_of_aiken_are_told_item_by_item() -> None:
    source = gift.sort_items(GIFT.encode(), Reading())
    told = [(loss.row, str(loss.problem)) for loss in formats.losses(formats.FORMATS["aiken"], source.items)]
    assert (3, "The item is left out: the format has no such kind.") in told
    assert (1, "The format cannot hold: 鉴定点代码、难度、依据、解析、编号.") in told
    assert (1, "Formatting is lost: the format holds plain lines only.") in told
    assert len(aiken.sort_items(aiken.write_items(source.items, now=NOW), READING).items) == 3


AIKEN = """The project was started by:
A) Petr
B) Martin
ANSWER: B

Water is wet.
A. True
B. False
ANSWER: B

No answer follows
A) x
B) y
"""


def test_aiken() -> None:
    found = aiken.sort_items(AIKEN.encode(), READING)
    assert [(item.body.kind, item.key.correct) for item in found.items] == [("single", (2,)), ("true_false", (2,))]
    assert refusals(found) == [(11, "There is no key.")]
