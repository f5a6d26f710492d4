"""Which column of an item sheet holds what: headers people use, and what they write in the cells.

Header and cell words are Chinese because the files are; this is the one place to add another word.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from itembank.items import CHOICE_KINDS, FALSE, MAX_PROMPTS, TRUE

OPTION_LETTERS: Final = "ABCDEFGH"
MATCHED_LETTERS: Final = OPTION_LETTERS + "IJ"
"""Options of a matching item may be two more: some fit no line."""
OPTION_FIELDS: Final = tuple(f"option_{char.lower()}" for char in MATCHED_LETTERS)
PROMPT_FIELDS: Final = tuple(f"prompt_{n}" for n in range(1, MAX_PROMPTS + 1))

# Field -> headers. The first is the one written in exports and templates.
HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "kind": ("题型", "题目类型", "试题类型", "类型", "type", "kind"),
    "topic": ("鉴定点代码", "鉴定点", "知识点代码", "知识点", "考核点代码", "考核点", "topic"),
    "stem": ("题干", "题目", "试题", "试题内容", "题目内容", "试题题干", "question", "stem"),
    **{
        name: (f"选项{char}", char, f"{char}选项", f"选项{n}", f"答案{char}", f"option{char}")
        for n, (name, char) in enumerate(zip(OPTION_FIELDS, MATCHED_LETTERS, strict=True), 1)
    },
    **{
        name: (f"待匹配项{n}", f"匹配项{n}", f"左项{n}", f"题项{n}", name.replace("_", ""))
        for n, name in enumerate(PROMPT_FIELDS, 1)
    },
    "key": ("答案", "正确答案", "标准答案", "参考答案", "正确选项", "answer", "key"),
    "difficulty": ("难度", "难度等级", "难易度", "难易程度", "difficulty"),
    "cognitive": ("认知层次", "认知水平", "认知能力层次", "能力层次", "cognitive"),
    "source": ("依据", "出处", "命题依据", "出题依据", "来源", "source"),
    "figures": ("图片", "附图", "图片名称", "图片文件", "figure", "image"),
    "fixed_order": ("固定选项顺序", "选项顺序固定", "固定顺序", "fixedorder"),
    "rationale": ("解析", "答案解析", "试题解析", "explanation"),
    "reference": ("编号", "试题编号", "题号", "序号", "id", "no"),
    "unit": ("单位", "计量单位", "unit"),
    "tolerance": ("允许误差", "误差", "容差", "允差", "tolerance"),
    "case": ("材料编号", "案例编号", "材料名称", "案例名称", "case"),
    "stimulus": ("材料", "案例", "材料内容", "案例内容", "背景材料", "案例材料", "stimulus"),
}

KIND_WORDS: Final[dict[str, str]] = {
    word: kind
    for kind, words in {
        "single": "单项选择题 单选题 单选 单项选择 选择题 single",
        "multiple": "多项选择题 多选题 多选 多项选择 不定项选择题 multiple",
        "true_false": "判断题 判断 是非题 正误题 对错题 true_false",
        "fill_in": "填空题 填空 fill_in",
        "numeric": "计算填空题 数值题 数值填空题 数值 numeric",
        "matching": "匹配题 匹配 连线题 配对题 matching",
        "ordering": "排序题 排序 ordering",
    }.items()
    for word in words.split()
}
CHOICE_WORDS: Final[dict[str, str]] = {word: kind for word, kind in KIND_WORDS.items() if kind in CHOICE_KINDS}
"""What plain text lists have headings for."""

_TRUE_WORDS: Final = frozenset(["正确", "对", "是", "√", "✓", "✔", "☑", "t", "true", "y", "yes"])
_FALSE_WORDS: Final = frozenset(["错误", "错", "否", "不正确", "不对", "×", "x", "✗", "✘", "╳", "f", "false", "n", "no"])
TRUTH_WORDS: Final[dict[str, int]] = {
    **dict.fromkeys(_TRUE_WORDS, TRUE),
    **dict.fromkeys(_FALSE_WORDS, FALSE),
}

DIFFICULTY_WORDS: Final[dict[str, int]] = {
    word: n
    for n, words in enumerate(("易 容易 简单", "较易 偏易", "中 中等 一般 适中", "较难 偏难", "难 困难"), 1)
    for word in words.split()
}

YES_NO: Final[dict[str, bool]] = {
    "": False,
    **dict.fromkeys(["是", "固定", "y", "yes", "true", "1", "√"], True),
    **dict.fromkeys(["否", "不固定", "n", "no", "false", "0", "×"], False),
}

_EDGES: Final = "()[]〔〕【】 \t\n"


def plain_word(text: str) -> str:
    """A header or cell word for comparing: width, case, spaces and remarks like (必填) taken away."""
    word = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold().strip("*:")
    return re.sub(r"\((必填|选填|可选|1-5)\)$", "", word)


def columns_of(row: list[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Field -> column index for one candidate header row. ``mapping``: field -> header text, or ``#C`` for a column letter."""
    words = [plain_word(cell) for cell in row]
    found: dict[str, int] = {}
    for name, wanted in mapping.items():
        if wanted.startswith("#"):
            found[name] = _column_index(wanted[1:])
        elif plain_word(wanted) in words:
            found[name] = words.index(plain_word(wanted))
    taken = set(found.values())
    for name, synonyms in HEADERS.items():
        if name in mapping:
            continue
        places = [words.index(plain_word(word)) for word in synonyms if plain_word(word) in words]
        free = [place for place in places if place not in taken]
        if free:
            found[name] = free[0]
            taken.add(free[0])
    return found


def _column_index(letters: str) -> int:
    index = 0
    for char in letters.upper():
        index = index * 26 + ord(char) - ord("A") + 1
    return index - 1


def parse_letters(text: str) -> tuple[int, ...] | None:
    """Option ids of ``B``, ``A,C``, ``ABD``, ``（Ａ、Ｃ）``; None for anything else, also for a letter given twice."""
    letters = re.sub(r"[\s,、;.。/+]+", "", unicodedata.normalize("NFKC", text).upper().strip(_EDGES))
    ids = [OPTION_LETTERS.find(char) + 1 for char in letters]
    if not ids or 0 in ids or len(set(ids)) != len(ids):
        return None
    return tuple(sorted(ids))


def parse_truth(text: str) -> int | None:
    """`TRUE` or `FALSE` of 正确, 错, √, ×, T, F …; None for anything else."""
    return TRUTH_WORDS.get(unicodedata.normalize("NFKC", text).strip(_EDGES).strip("。.").casefold())


def parse_difficulty(text: str) -> int | None:
    """1 to 5 of ``3``, ``3.0`` or a word; None for anything else."""
    word = plain_word(text)
    if word in DIFFICULTY_WORDS:
        return DIFFICULTY_WORDS[word]
    found = re.fullmatch(r"([1-5])(?:\.0+)?", word)
    return int(found[1]) if found else None
