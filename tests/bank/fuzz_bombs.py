"""Files made to break readers: what each must come to. Written small; some are gigabytes once they are unpacked."""

import io
import struct
import zipfile
from collections.abc import Callable

from itembank.exchange.files import FileOfItems
from tests.bank.fuzz_files import HEAD, ROW, TEXT, document, file, ods, ods_row, workbook
from tests.itembank.exchanged import png, zipped

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ENTITIES = {
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY l9 "{"x" * 100_000}">]>',
    "external": '<!DOCTYPE a [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
}
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def in_workbook(strings: str) -> bytes:
    """A workbook whose shared strings are these."""
    with zipfile.ZipFile(io.BytesIO(workbook([HEAD, ROW]))) as archive:
        parts: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, "xl/sharedStrings.xml": strings})


def in_sheet(rows: str) -> bytes:
    """A workbook whose sheet has these rows."""
    with zipfile.ZipFile(io.BytesIO(workbook([HEAD, ROW]))) as archive:
        parts: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'})


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def entity_bombs() -> dict[str, FileOfItems]:
    """Every XML a file can bring, with entities."""
    made: dict[str, FileOfItems] = {}
    for name, head in ENTITIES.items():
        body = "&l9;" * 2_000
        question = f"<quiz><question type='multichoice'><questiontext><text>{body}</text></questiontext></question></quiz>"
        made[f"{name} moodle"] = file("a.xml", (head + question).encode())
        item = f"<qti-assessment-item identifier='a'><qti-item-body>{body}</qti-item-body></qti-assessment-item>"
        made[f"{name} qti"] = file("a.xml", (head + item).encode())
        made[f"{name} package"] = file("a.zip", zipped({"imsmanifest.xml": f"{head}<manifest>{body}</manifest>"}))
        made[f"{name} docx"] = file("a.docx", zipped({"word/document.xml": head + document(body)}))
        made[f"{name} xlsx"] = file("a.xlsx", in_workbook(f'{head}<sst xmlns="{MAIN}"><si><t>{body}</t></si></sst>'))
        made[f"{name} ods"] = file("a.ods", ods(ods_row([body])))
        svg = f"{head}<svg xmlns='http://www.w3.org/2000/svg'><text>{body}</text></svg>"
        made[f"{name} figure"] = file("a.xlsx", workbook([(*HEAD, "图片"), (*ROW, "a.svg")]), zipped({"a.svg": svg}))
    return made


def lying_zip(parts: dict[str, bytes]) -> bytes:
    """An archive that says of every part that it unpacks to ten bytes."""
    data = bytearray(zipped(dict(parts)))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset : place + offset + 4] = struct.pack("<I", 10)
            place = data.find(mark, place + 4)
    return bytes(data)


ZEROS = b"0" * 1_000_000
Made = Callable[[], FileOfItems]


def zeros(name: str, part: str) -> FileOfItems:
    """An archive of 0.3 MB whose part is one of 320 MB."""
    return file(name, zipped({part: ZEROS * 320}))


def with_figures(archive: bytes) -> FileOfItems:
    return file("a.xlsx", workbook([HEAD, ROW]), archive)


def zip_bombs() -> dict[str, Made]:
    """Small archives that unpack to a lot, or say they do not; made when asked for."""
    nested = zipped({"a.zip": zipped({"b.zip": zipped({"c.xml": b" " * 1_000_000})})})
    return {
        "xlsx of 320 MB": lambda: zeros("a.xlsx", "xl/workbook.xml"),
        "docx of 320 MB": lambda: zeros("a.docx", "word/document.xml"),
        "package of 320 MB": lambda: zeros("a.zip", "imsmanifest.xml"),
        "figures of 320 MB": lambda: with_figures(zipped({"a.png": ZEROS * 320})),
        "docx that lies": lambda: file("a.docx", lying_zip({"word/document.xml": ZEROS * 320})),
        "xlsx that lies": lambda: file("a.xlsx", lying_zip({"xl/workbook.xml": ZEROS * 320, "xl/worksheets/sheet1.xml": b""})),
        "figures that lie": lambda: with_figures(lying_zip({"a.png": ZEROS * 320})),
        "figures that lie by gigabytes": lambda: with_figures(lying_zip({"a.png": ZEROS * 2_000})),
        "archives in archives": lambda: file("a.zip", nested),
        "100,000 parts": lambda: file("a.zip", zipped({f"{n}.xml": b"" for n in range(100_000)})),
        "names that lead outside": lambda: file("a.zip", zipped({"../../a.xml": "<quiz/>", "imsmanifest.xml": "<manifest/>"})),
    }


def large() -> dict[str, Made]:
    """Cells, rows and sheets far beyond what a bank needs; made when asked for."""
    huge = "x" * 50_000_000
    row = "<table:table-row table:number-rows-repeated='1000000000'><table:table-cell table:number-columns-repeated='16000' "
    ends = "office:value-type='float' office:value='1'/></table:table-row>"
    strings = f'<sst xmlns="{MAIN}"><si><t>{{}}</t></si></sst>'
    return {
        "a million rows": lambda: file("a.xlsx", in_sheet(rows(1_000_000))),
        "a million lines": lambda: file("a.csv", ("题干,答案\n" + "x,A\n" * 1_000_000).encode()),
        "a cell of 50 MB": lambda: file("a.xlsx", in_sheet(f'<row r="1">{cell("A1", huge)}</row>')),
        "a shared string of 50 MB": lambda: file("a.xlsx", in_workbook(strings.format(huge))),
        "a field of 15 MB": lambda: file("a.csv", ('题干,答案\n"' + huge[:15_000_000] + '",A\n').encode()),
        "a paragraph of 50 MB": lambda: file("a.docx", zipped({"word/document.xml": document(huge)})),
        "a text of 15 MB": lambda: file("a.txt", b"1. " + huge[:15_000_000].encode()),
        "a file of 50 MB": lambda: file("a.txt", huge.encode()),
        "the last cell": lambda: file("a.xlsx", in_sheet(f'<row r="1048576">{cell("XFD1048576", "x")}</row>')),
        "a billion rows at once": lambda: file("a.ods", ods(row + ends)),
        "deep XML": lambda: file("a.xml", b"<quiz>" + b"<a>" * 200_000),
        "a thousand sheets": lambda: file("a.xlsx", workbook([HEAD, ROW], _many_sheets)),
    }


def rows(count: int) -> str:
    """So many rows of one cell."""
    return "".join(f'<row r="{n}">{cell(f"A{n}", "x")}</row>' for n in range(1, count + 1))


def _many_sheets(book: object) -> None:
    for n in range(1000):
        book.add_worksheet(f"s{n}")  # type: ignore[attr-defined]


def readable() -> dict[str, FileOfItems]:
    """Odd, and read rightly: one good item in each but the text list, which has three."""
    plain = "\n".join(",".join(row) for row in (HEAD, ROW))

    def merged(book: object) -> None:
        sheet = book.get_worksheet_by_name("试题")  # type: ignore[attr-defined]
        sheet.merge_range(1, 1, 2, 1, ROW[1])
        for column, value in enumerate(("水结冰的温度是（ ）。", *ROW[3:]), 2):
            sheet.write_string(2, column, value)
        sheet.write_string(2, 0, ROW[0])

    macros = zipped({"word/document.xml": document(TEXT), "word/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    return {
        "UTF-8 with mark": file("a.csv", plain.encode("utf-8-sig")),
        "UTF-8": file("a.csv", plain.encode()),
        "GB 18030": file("a.csv", plain.encode("gb18030")),
        "UTF-16": file("a.csv", plain.encode("utf-16")),
        "UTF-16, big end first": file("a.csv", b"\xfe\xff" + plain.encode("utf-16-be")),
        "tabs, no extension": file("table", plain.replace(",", "\t").encode()),
        "numbers": file("a.xlsx", workbook([HEAD, (*ROW[:3], 90, 100, 110.5, 120, "B", 3, ROW[9])])),
        "merged cells": file("a.xlsx", workbook([HEAD, ROW], merged)),
        "text list in GB 18030": file("a.txt", TEXT.encode("gb18030")),
        "text list in UTF-16": file("a.txt", TEXT.encode("utf-16")),
        "Word with macros": file("a.docm", macros),
        "line ends of the Mac": file("a.txt", TEXT.replace("\n", "\r").encode()),
    }


def wrong() -> dict[str, FileOfItems]:
    """Small, and refused with a sentence."""

    def formula(text: str, value: object) -> Callable[[object], None]:
        def fill(book: object) -> None:
            book.get_worksheet_by_name("试题").write_formula(1, 3, text, None, value)  # type: ignore[attr-defined]

        return fill

    good = workbook([HEAD, ROW])
    return {
        "an error in a cell": file("a.xlsx", workbook([HEAD, ROW], formula("=1/0", "#DIV/0!"))),
        "a date for an option": file("a.xlsx", _dated()),
        "a long number": file("a.xlsx", workbook([HEAD, (*ROW[:3], 12345678901234567890, *ROW[4:])])),
        "truncated": file("a.xlsx", good[: len(good) // 2]),
        "cut by a byte": file("a.xlsx", good[:-1]),
        "empty": file("a.xlsx", b""),
        "NUL": file("a.txt", b"\x00" * 1000),
        "UTF-16 without mark": file("a.csv", "题干,答案\nx,A".encode("utf-16-le")),
        "UTF-32": file("a.csv", "题干,答案\nx,A".encode("utf-32")),
        "a picture": file("a.xlsx", png(0)),
        "PDF": file("a.xlsx", b"%PDF-1.7"),
        "HTML": file("a.xls", b"<html><table><tr><td>x</td></tr></table></html>"),
        "old Excel, only its head": file("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000)),
    }


def _dated() -> bytes:
    from tests.itembank.exchanged import NOW

    def fill(book: object) -> None:
        sheet = book.get_worksheet_by_name("试题")  # type: ignore[attr-defined]
        sheet.write_datetime(1, 3, NOW.replace(tzinfo=None), book.add_format({"num_format": "m-d"}))  # type: ignore[attr-defined]

    return workbook([HEAD, ROW], fill)
