"""Files to break importers with: made to, damaged real ones, and anything at all. All from a seed."""

import io
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import xlsxwriter

from itembank.exchange import aiken, gift, moodle, qti, xlsx
from itembank.exchange.figures import Figure
from itembank.exchange.files import FileOfItems
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.items import write_body, write_key
from itembank.similarity import content_digest
from tests.bank.conftest import CONTENT
from tests.itembank.exchanged import NOW, png, zipped

TOPIC = "A-A-A-001"
HOW = Reading(default_topic=TOPIC, default_kind="by_key")
HEAD = ("题型", "鉴定点代码", "题干", "选项A", "选项B", "选项C", "选项D", "答案", "难度", "依据")
ROW = ("单选题", TOPIC, "水的沸点是（ ）。", "90 ℃", "100 ℃", "110 ℃", "120 ℃", "B", "3", "教材")
TEXT = """一、单选题
1. 水是（B）。
A. 固体  B. 液体
2. 冰是（ ）。
A. 固体
B. 液体
答案：A 解析：x
二、判断题
3. 水是湿的。（√）
"""


def file(name: str, data: bytes, figures: bytes = b"") -> FileOfItems:
    return FileOfItems(name, data, figures, how=HOW)


# --- good files to damage -----------------------------------------------------------------------------------------------


@cache
def real_items() -> tuple[tuple[ImportedItem, ...], Mapping[str, Figure]]:
    """Items of the demo, some with figures, and those."""
    pictures = {path.name: path.read_bytes() for path in (CONTENT / "figures").iterdir()}
    found = xlsx.sort_items((CONTENT / "items.xlsx").read_bytes(), figures=pictures)
    with_figures = [item for item in found.items if item.body.media]
    return (*found.items[:12], *with_figures[:2]), found.figures


@cache
def other_items() -> tuple[ImportedItem, ...]:
    """One of each kind that is not answered by choosing options."""
    made = [
        (write_body("fill_in", "电压是____伏。"), write_key(kind="fill_in", accepted=[["220", "二百二"]])),
        (write_body("numeric", "求电流。", unit="A"), write_key(kind="numeric", number="22", tolerance="0.1", units=["安"])),
        (write_body("matching", "配对：", ["安", "伏", "欧"], prompts=["电流", "电压"]), write_key([1, 2], kind="matching")),
        (write_body("ordering", "停电的次序：", ["停电", "验电", "接地"]), write_key([3, 1, 2], kind="ordering")),
    ]
    return tuple(ImportedItem(n, body, key, TOPIC, 2, "", "", content_digest(body)) for n, (body, key) in enumerate(made, 1))


def document(text: str) -> str:
    """The main part of a Word document with these lines."""
    lines = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in text.split("\n"))
    return f"<w:document xmlns:w='w'><w:body>{lines}</w:body></w:document>"


def ods(rows: str) -> bytes:
    """A small spreadsheet of the other office."""
    office, table, text = (f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0" for name in ("office", "table", "text"))
    content = (
        f"<office:document-content xmlns:office='{office}' xmlns:table='{table}' xmlns:text='{text}'><office:body>"
        f"<office:spreadsheet><table:table table:name='a'>{rows}</table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    manifest = "<manifest:manifest xmlns:manifest='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return zipped({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def ods_row(cells: Sequence[str]) -> str:
    inner = "".join(f"<table:table-cell office:value-type='string'><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
    return f"<table:table-row>{inner}</table:table-row>"


@cache
def good_files() -> dict[str, FileOfItems]:
    """One of every kind, each read without a mistake."""
    items, figures = real_items()
    some = [*other_items(), *(item for item in items if not item.body.media)]
    return {
        "xlsx": file("a.xlsx", xlsx.write_items(some, now=NOW)),
        "template": file("t.xlsx", workbook([HEAD, ROW])),
        "csv": file("a.csv", "\n".join(",".join(row) for row in (HEAD, ROW)).encode("gb18030")),
        "ods": file("a.ods", ods(ods_row(HEAD) + ods_row(ROW))),
        "qti": file("a.zip", qti.write_package([*items, *other_items()], now=NOW, figures=figures)),
        "qti_item": file("a.xml", qti.write_item(some[2:3], now=NOW)),
        "moodle": file("a.xml", moodle.write_items(some, now=NOW)),
        "gift": file("a.gift", gift.write_items(some, now=NOW)),
        "aiken": file("a.txt", aiken.write_items(some, now=NOW)),
        "text": file("a.txt", TEXT.encode("gb18030")),
        "docx": file("a.docx", zipped({"word/document.xml": document(TEXT), "word/media/a.png": png(0)})),
        "figures": file("a.xlsx", workbook([(*HEAD, "图片"), (*ROW, "a.png")]), zipped({"a.png": png(0)})),
    }


def workbook(rows: Sequence[Sequence[object]], fill: Callable[[xlsxwriter.Workbook], None] | None = None) -> bytes:
    """A workbook with these cells in its first sheet, and whatever `fill` does to it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "nan_inf_to_errors": True}) as book:
        book.set_properties({"created": NOW.replace(tzinfo=None)})
        sheet = book.add_worksheet("试题")
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                sheet.write(r, c, value)
        if fill is not None:
            fill(book)
    return out.getvalue()


# --- damage -------------------------------------------------------------------------------------------------------------

_PIECES = (
    *(b"<", b">", b"]]>", b"{", b"}", b"\x00", b"&", b'"', b"~", b"=", b"\xff\xfe", b"\xef\xbb\xbf", b"://", b"&#0;"),
    *(b"<!ENTITY a 'b'>", b"%s%s", b"\\", b"../", b"\r", b"-1", b"99999999999999999999", b"1e309"),
    *(text.encode() for text in ("答案", "（", "\u2028")),
)
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "big5", "shift_jis", "latin-1", "utf-7")


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes gone, doubled, exchanged or added; or the end cut off."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(broken) + 1)
        match chance.randrange(6):
            case 0:
                del broken[place : place + chance.randint(1, 40)]
            case 1:
                broken[place:place] = chance.randbytes(chance.randint(1, 8))
            case 2:
                broken[place:place] = broken[chance.randrange(len(broken) + 1) :][:80]
            case 3:
                broken[place:place] = chance.choice(_PIECES) * chance.choice((1, 1, 1, 50))
            case 4 if broken:
                broken[place - 1] = chance.randrange(256)
            case _ if chance.randrange(4) == 0:
                del broken[place:]
    return bytes(broken)


def damaged_inside(data: bytes, chance: random.Random) -> bytes:
    """An archive whole in itself, one or two parts of it damaged, gone or exchanged."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(chance.randint(1, 2)):
        name, other = chance.choice(list(parts)), chance.choice(list(parts))
        match chance.randrange(8):
            case 0:
                parts[name] = b""
            case 1:
                parts[name] = parts[other]
            case 2 if len(parts) > 1:
                del parts[name]
            case _:
                parts[name] = damaged(parts[name], chance)
    return zipped(dict(parts))


def transcoded(data: bytes, chance: random.Random) -> bytes:
    """The same text in another encoding, perhaps a wrong one."""
    for encoding in ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.encode(chance.choice(_ENCODINGS), "replace")
    return data[::-1]


_ODD: tuple[object, ...] = (
    *(None, True, 3, 2.5, 1e300, float("nan"), -0.0, 10**17),
    *(
        "",
        " ",
        "是",
        "ABCD",
        "A、B",
        "正确",
        "=1+1",
        "[图:a.png]",
        "[html]<b>x",
        "<sup>",
        "\\(",
        "难",
        "\u200b",
        "\ufeff",
        "\x1f",
    ),
    *("，" * 50, "甲" * 5000, TOPIC, "判断题", "不定项选择题", "【示例】", "B" * 9),
)


def odd_cell(chance: random.Random) -> object:
    """What people and programs leave in cells."""
    return chance.choice(_ODD)


def odd_workbook(chance: random.Random) -> bytes:
    """A workbook of odd cells below a good head; formulas, errors, dates and merged cells in it."""
    rows: list[list[object]] = [list(HEAD)]
    for _ in range(chance.randint(1, 6)):
        rows += [[odd_cell(chance) if chance.random() < 0.25 else value for value in ROW]]

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.get_worksheet_by_name("试题")
        for _ in range(chance.randint(0, 3)):
            r, c = chance.randint(1, len(rows)), chance.randrange(len(HEAD))
            match chance.randrange(4):
                case 0:
                    sheet.write_formula(r, c, "=1/0", None, "#DIV/0!")
                case 1:
                    sheet.write_datetime(r, c, NOW.replace(tzinfo=None), book.add_format({"num_format": "m-d"}))
                case 2:
                    sheet.write_formula(r, c, '=HYPERLINK("http://127.0.0.1:1/")', None, "x")
                case 3:
                    sheet.insert_image(r, c, "a.png", {"image_data": io.BytesIO(png(1))})

    return workbook(rows, fill)


def anything(chance: random.Random) -> FileOfItems:
    """Random bytes, or random text of marks, under any name, with any head."""
    name = chance.choice(("a.xlsx", "a.xls", "a.csv", "a.docx", "a.txt", "a.xml", "a.zip", "a.gift", "a"))
    head = chance.choice(
        (b"", b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"<quiz>", b"%PDF", "题干,答案\n".encode())
    )
    if chance.random() < 0.5:
        return file(name, head + chance.randbytes(chance.randint(0, 3000)))
    marks = "12.、（）()ABCD√×\n\t：答案解析判断题单选参考-=~{}#%[]:\\/TF<>&;\"',题干选项"
    return file(name, head + "".join(chance.choices(marks, k=chance.randint(0, 2000))).encode())


@dataclass(frozen=True)
class Case:
    """One file and how it came about, to find it again."""

    told: str
    file: FileOfItems


def cases(seed: int, first: int, count: int) -> Iterator[Case]:
    """`count` files of a seed, beginning with number `first`: the same again for the same numbers."""
    names = sorted(good_files())
    for number in range(first, first + count):
        chance = random.Random(seed * 1_000_003 + number)
        name = names[number % len(names)]
        yield Case(f"seed {seed} number {number} {name}", _case(good_files()[name], chance))


def _case(good: FileOfItems, chance: random.Random) -> FileOfItems:
    way = chance.randrange(10)
    is_archive = good.data[:2] == b"PK"
    if way == 0:
        return anything(chance)
    if way == 1:
        return file("a.xlsx", odd_workbook(chance))
    if way == 2 and not is_archive:
        return file(good.name, transcoded(good.data, chance))
    if way == 3 and good.figures:
        assert isinstance(good.figures, bytes)
        return file(good.name, good.data, damaged(good.figures, chance))
    if is_archive and way < 8:
        return file(good.name, damaged_inside(good.data, chance), good.figures if isinstance(good.figures, bytes) else b"")
    other = chance.choice(("", "", "", "xlsx", "gift", "textlist", "moodle", "aiken", "qti_package", "qti_item"))
    return FileOfItems(good.name, damaged(good.data, chance), b"", other, HOW)
