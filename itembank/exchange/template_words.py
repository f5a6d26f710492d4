"""What the template says, in Chinese and in English. Headers and words are ones `item_columns` reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from itembank.exchange.item_columns import HEADERS, OPTION_FIELDS, PROMPT_FIELDS
from itembank.items import KINDS


@dataclass(frozen=True, slots=True)
class Column:
    """One column explained. ``hint`` is shown when a cell is entered (255 characters at most)."""

    needed: bool
    text: str
    example: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """Names of the sheets, heads, truth words, and all columns. ``example`` marks rows that are not read."""

    items: str
    about: str
    leaves: str
    example: str
    truths: tuple[str, str]
    yes_no: tuple[str, str]
    about_heads: tuple[str, ...]
    leaf_heads: tuple[str, ...]
    headers: Mapping[str, str]
    kinds: Mapping[str, str]
    columns: Mapping[str, Column]
    examples: tuple[Mapping[str, str], ...]
    remarks: tuple[str, ...]

    def header(self, name: str) -> str:
        """The header of a field; a field without its own word has the one of exports."""
        return self.headers.get(name, HEADERS[name][0])

    def kind(self, code: str) -> str:
        """What stands in the kind column."""
        return self.kinds.get(code, KINDS[code].name_zh)

    def column(self, name: str) -> Column:
        """What is said of a field."""
        return self.columns.get(name, Column(False, ""))


def _options(first: Column, others: Column) -> dict[str, Column]:
    return {name: first if n < 2 else others for n, name in enumerate(OPTION_FIELDS)}


def _example(kind: str, stem: str, options: str, key: str, **more: str) -> dict[str, str]:
    """Options between semicolons."""
    cells = {"kind": kind, "stem": stem, "key": key, "difficulty": "2"}
    return cells | dict(zip(OPTION_FIELDS, filter(None, options.split(";")), strict=False)) | more


CHINESE: Final = Words(
    items="试题",
    about="填写说明",
    leaves="鉴定点",
    example="【示例】",
    truths=("正确", "错误"),
    yes_no=("是", "否"),
    about_heads=("列", "必填", "填什么", "例"),
    leaf_heads=("鉴定点代码", "鉴定点名称", "重要程度"),
    headers={},
    kinds={},
    columns={
        "kind": Column(True, "题型，从下拉列表选择。", "单项选择题", "从列表选择题型。"),
        "topic": Column(
            True, "鉴定点代码，与鉴定要素细目表一致；本题库的全部代码见“鉴定点”工作表。", "B-C-A-014", "代码见“鉴定点”工作表。"
        ),
        "stem": Column(
            True, "题干。选择题的空处写（  ），填空题的空写成 ____（四个下划线）；不要写出答案。", "水的沸点是（  ）。"
        ),
        **_options(
            Column(True, "选项内容，不写字母。判断题、填空题、计算填空题不填选项。", "90 ℃"),
            Column(False, "选项内容，从左到右依次填写，中间不留空。", "110 ℃"),
        ),
        "key": Column(
            True,
            "单选题：一个字母。多选题：全部正确选项的字母，如 ABD。判断题：“正确”或“错误”。填空题：各空用“；”隔开，"
            "同一空的多个答案用“|”隔开。计算填空题：数值，如 22 或 22±0.1。匹配题：每项对应的字母，如 1-A 2-B。"
            "排序题：按正确次序写出全部字母，如 BACD。",
            "B / ABD / 正确 / 220；50|五十 / 22 / 1-A 2-B / BACD",
            "单选 B；多选 ABD；判断 正确/错误；填空 220；50|五十；计算 22±0.1；匹配 1-A 2-B；排序 BACD。可直接输入。",
        ),
        "difficulty": Column(False, "难度，1（易）至 5（难）。", "2", "1（易）至 5（难），可不填。"),
        "cognitive": Column(False, "认知层次，如识记、理解、应用；蓝图按认知层次要求题数时才用到。", "应用"),
        "source": Column(False, "命题依据：标准、教材或规程的名称和条款。", "GB 26860 第 5 条"),
        "figures": Column(False, "附图的文件名，多个用分号隔开；图片打包成 ZIP 与本表一起上传，或直接插入单元格。", "接线图.png"),
        "fixed_order": Column(False, "选项有先后次序、不可打乱时填“是”。", "否", "选项不可打乱时填“是”。"),
        "rationale": Column(False, "解析：答案为什么正确。", "标准大气压下水在 100 ℃ 沸腾。"),
        "reference": Column(False, "自己的编号，供查找。标有【示例】的行不会导入。", "2026-001"),
        **{name: Column(False, "匹配题的待匹配项，每项一列；选项可以多于待匹配项。", "保护线") for name in PROMPT_FIELDS},
        "unit": Column(False, "计算填空题作答框后显示的单位，再用“|”隔开考生也可写的单位。", "A|安"),
        "tolerance": Column(False, "计算填空题的允许误差。", "0.1"),
        "case": Column(False, "案例题：同一材料的各题填同一编号，整组入库、整组抽题。", "1"),
        "stimulus": Column(False, "案例题的材料正文，写在该组第一题那一行。", "某班组检修配电柜时……"),
    },
    examples=(
        _example(
            "单项选择题",
            "水在标准大气压下的沸点是（  ）。",
            "90 ℃;100 ℃;110 ℃;120 ℃",
            "B",
            rationale="标准大气压下水在 100 ℃ 沸腾。",
        ),
        _example("多项选择题", "属于强酸的有（  ）。", "HCl;HNO<sub>3</sub>;H<sub>2</sub>S;HBr", "ABD"),
        _example("判断题", "离心泵启动前应关闭出口阀。", "", "正确", source="离心泵操作规程"),
        _example("填空题", "我国低压配电的额定相电压是____伏，频率是____赫兹。", "", "220；50|五十"),
        _example("计算填空题", "10 Ω 的电阻接在 220 V 电压上，电流是多少？", "", "22", unit="A|安|安培", tolerance="0.1"),
        _example("匹配题", "请为各导线选择颜色。", "黄绿双色;淡蓝色;黄色;黑色", "1-A 2-B", prompt_1="保护线", prompt_2="中性线"),
        _example("排序题", "停电检修的正确次序是：", "验电;断开电源;挂接地线;悬挂标示牌", "BACD"),
        _example(
            "单项选择题", "该起事故的直接原因是（  ）。", "未验电;天气热;夜班", "A", case="1", stimulus="某班组检修配电柜时……"
        ),
        _example("填空题", "作业前应当先停电并____。", "", "验电", case="1"),
    ),
    remarks=(
        "每行一道试题，填在“试题”工作表第一行之下。灰色的示例行（编号为【示例】）不会导入，可以保留、覆盖或删除。",
        "导入时先逐行检查，有错误就一道都不入库；错误的行、列和改法会逐条列出。",
        "上标、下标：写成 m<sup>3</sup>、H<sub>2</sub>O，或直接使用单元格的上标、下标格式。",
        r"公式：用 LaTeX 写在 \( 与 \) 之间，如 \(I=\frac{U}{R}\)。",
        "图片放在文字中间时，在该处写 [图:文件名]。",
        "数字、分数、比例请先把单元格设为“文本”格式再填写，以免被自动改成日期或小数（本表的单元格已设为文本）。",
    ),
)

ENGLISH: Final = Words(
    items="Items",
    about="How to fill in",
    leaves="Knowledge points",
    example="[example]",
    truths=("true", "false"),
    yes_no=("yes", "no"),
    about_heads=("Column", "Required", "What to write", "Example"),
    leaf_heads=("Code", "Name", "Importance"),
    headers={
        "kind": "Kind",
        "topic": "Topic",
        "stem": "Question",
        **{name: f"Option {name[-1].upper()}" for name in OPTION_FIELDS},
        "key": "Answer",
        "difficulty": "Difficulty",
        "cognitive": "Cognitive level",
        "source": "Source",
        "figures": "Figure",
        "fixed_order": "Fixed order",
        "rationale": "Explanation",
        "reference": "ID",
        **{name: f"Prompt {name.rpartition('_')[2]}" for name in PROMPT_FIELDS},
        "unit": "Unit",
        "tolerance": "Tolerance",
        "case": "Case",
        "stimulus": "Stimulus",
    },
    kinds={code: code for code in KINDS},
    columns={
        "kind": Column(True, "The kind of item, from the list.", "single", "Choose the kind from the list."),
        "topic": Column(
            True,
            "Code of the knowledge point as in the content table; all codes of this bank are on the sheet “Knowledge points”.",
            "B-C-A-014",
            "Codes are on the sheet “Knowledge points”.",
        ),
        "stem": Column(
            True,
            "The text. Write (  ) for the place of an option, ____ for a blank to fill in; never the key.",
            "Water boils at (  ).",
        ),
        **_options(
            Column(True, "Text of the option without its letter. True/false, fill-in and calculation items have none.", "90 °C"),
            Column(False, "Text of the option; from left to right without gaps.", "110 °C"),
        ),
        "key": Column(
            True,
            "Single choice: one letter. Multiple choice: all correct letters, like ABD. True/false: true or false. "
            "Fill in: ; between blanks, | between answers that count for the same blank. Calculation: a number, 22 or 22±0.1. "
            "Matching: the letter for each line, like 1-A 2-B. Ordering: all letters in the right order, like BACD.",
            "B / ABD / true / 220;50|fifty / 22 / 1-A 2-B / BACD",
            "single B; multiple ABD; true_false true; fill_in 220;50|fifty; numeric 22±0.1; matching 1-A 2-B; ordering BACD",
        ),
        "difficulty": Column(False, "Difficulty, 1 (easy) to 5 (hard).", "2", "1 (easy) to 5 (hard), or nothing."),
        "cognitive": Column(False, "Cognitive level, for blueprints that ask for some.", "apply"),
        "source": Column(False, "What the item rests on: standard, textbook or rule, with its clause.", "GB 26860, clause 5"),
        "figures": Column(
            False,
            "File names of figures, separated by semicolons; upload them as a ZIP with this file, or insert them into the cell.",
            "wiring.png",
        ),
        "fixed_order": Column(
            False, "“yes” where the options must not be shuffled.", "no", "“yes” if options must keep their order."
        ),
        "rationale": Column(False, "Why the key is right.", "At standard pressure water boils at 100 °C."),
        "reference": Column(False, "A number of your own. Rows marked [example] are not read.", "2026-001"),
        **{name: Column(False, "A line to match, one a column; there may be more options than lines.") for name in PROMPT_FIELDS},
        "unit": Column(False, "Calculation: the unit shown behind the field; after | others that may be typed.", "A|ampere"),
        "tolerance": Column(False, "Calculation: how far off a number still counts.", "0.1"),
        "case": Column(False, "Items on one shared text have the same number here; the set comes in and is drawn whole.", "1"),
        "stimulus": Column(False, "The shared text, in the row of the first item of its set."),
    },
    examples=(
        _example("single", "At standard pressure water boils at (  ).", "90 °C;100 °C;110 °C;120 °C", "B"),
        _example("multiple", "Strong acids are (  ).", "HCl;HNO<sub>3</sub>;H<sub>2</sub>S;HBr", "ABD"),
        _example("true_false", "Close the outlet valve before starting a centrifugal pump.", "", "true"),
        _example("fill_in", "The phase voltage of a low-voltage grid is ____ V at ____ Hz.", "", "220;50|fifty"),
        _example("numeric", "What current flows through 10 Ω at 220 V?", "", "22", unit="A|ampere", tolerance="0.1"),
        _example(
            "matching",
            "Which colour has each wire?",
            "green and yellow;blue;red",
            "1-A 2-B",
            prompt_1="protective",
            prompt_2="neutral",
        ),
        _example("ordering", "Put the steps of isolating in order.", "test for voltage;switch off;earth", "BAC"),
        _example(
            "single", "What caused the accident?", "no test for voltage;the heat", "A", case="1", stimulus="A team worked on …"
        ),
        _example("fill_in", "Before work, switch off and ____.", "", "test for voltage|test", case="1"),
    ),
    remarks=(
        "One item a row, on the sheet “Items” below the first row. Grey rows marked [example] are not read and may stay.",
        "Every row is checked first. With one mistake nothing is stored; each is listed with its place and how to mend it.",
        "Raised and lowered characters: m<sup>3</sup>, H<sub>2</sub>O, or the cell's own superscript and subscript.",
        r"Formulas: LaTeX between \( and \), like \(I=\frac{U}{R}\).",
        "A figure inside a text: write [图:file name] where it belongs.",
        "Cells of this sheet are text; elsewhere set them to “Text” before typing fractions or ratios, or they become dates.",
    ),
)


def words_of(language: str) -> Words:
    """The words of a language; Chinese where it is not known."""
    return ENGLISH if language == "en" else CHINESE
