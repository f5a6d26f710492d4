"""From data to PDF: Typst templates in `forms/`, a Chinese font of the machine, nothing of what people typed as source.

Templates read one JSON value from `sys.inputs`; a name like `#import "x"` stays a name. Ten pages take about a tenth of a
second, so plain `def` routes call this directly.
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.errors import AppError

if TYPE_CHECKING:
    import typst

FORMS = Path(__file__).resolve().parent / "forms"

CHINESE_FAMILIES = (
    "Noto Serif CJK SC",
    "Source Han Serif SC",
    "Noto Serif SC",
    "SimSun",
    "Songti SC",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "AR PL UMing CN",
)
"""Families that hold Chinese, the song style of official forms first."""


class NoChineseFontError(AppError):
    """No font of this machine holds Chinese characters; a form without them is not printed."""

    status = 503
    code = "no_chinese_font"

    def __init__(self) -> None:
        super().__init__(
            "No Chinese font is installed on the server, so forms cannot be printed. On Debian: apt install fonts-noto-cjk"
        )


@cache
def _fonts(*, mathematics: bool = False) -> "typst.Fonts":
    """`mathematics`: with the font for formulas that the typesetter brings along."""
    import typst  # with the first PDF, not at start-up

    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=mathematics)


def chinese_families(installed: list[str]) -> list[str]:
    """The known Chinese families among `installed`, best first. Raises `NoChineseFontError` when there is none."""
    by_lower = {family.lower(): family for family in installed}
    found = [by_lower[family.lower()] for family in CHINESE_FAMILIES if family.lower() in by_lower]
    if not found:
        raise NoChineseFontError
    return found


def typeset(form: str, data: dict[str, Any], *, made_at: datetime, mathematics: bool = False) -> bytes:
    """The PDF of `forms/<form>.typ` filled with `data` (JSON values). The same input gives the same bytes."""
    import typst

    fonts = _fonts(mathematics=mathematics)
    compiler = typst.Compiler(
        FORMS / f"{form}.typ",
        root=FORMS,
        font_paths=fonts,
        sys_inputs={
            "data": json.dumps(data, ensure_ascii=False),
            "fonts": json.dumps(chinese_families(fonts.families())),
        },
    )
    pdf = compiler.compile(format="pdf", timestamp=made_at.replace(microsecond=0))  # typst refuses fractions
    if not isinstance(pdf, bytes):
        raise TypeError("the form came out as more than one file")
    return pdf
