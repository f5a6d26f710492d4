"""Formulas in items: kept as typed, never as markup of their own, told apart by what they say."""

import pytest

from itembank import formulas, markup
from itembank.exchange import cells
from itembank.items import ItemKeyData, write_body
from itembank.lint import lint_item
from itembank.similarity import content_digest


def test_a_typed_formula_becomes_one_span_and_comes_back() -> None:
    text = "由 \\(I=\\frac{U}{R}\\) 得 U<sub>2</sub>，且 \\(a<b\\)。"
    made, missing = cells.to_html(text)
    assert missing == []
    assert made == ('由 <span class="math">I=\\frac{U}{R}</span> 得 U<sub>2</sub>，且 <span class="math">a&lt;b</span>。')
    assert markup.sanitise(made) == made
    assert cells.from_html(made) == text
    assert markup.plain_text(made) == "由 \\(I=\\frac{U}{R}\\) 得 U_{2}，且 \\(a<b\\)。"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ('<span class="math" style="x" onclick="y">x</span>', '<span class="math">x</span>'),
        ('<span class="katex math">x</span>', "<span>x</span>"),
        (r"\(<script>alert(1)</script>x\)", '<span class="math">x</span>'),
        (r"\(a <b>b</b>\)", r"\(a <b>b</b>\)"),
        (r"\(a" + "\n" + r"b\)", r"\(a" + "\n" + r"b\)"),
        (r"<p>\(x\)</p>", '<p><span class="math">x</span></p>'),
    ],
)
def test_only_a_formula_s_own_class_and_its_text_pass(source: str, kept: str) -> None:
    assert markup.sanitise(source) == kept
    assert markup.sanitise(kept) == kept


def test_a_formula_in_an_attribute_is_left_alone() -> None:
    picture = f'<img src="media:{"a" * 64}" alt="\\(x > y\\) &lt;b&gt;">'
    made = markup.sanitise(picture)
    assert "<span" not in made
    assert markup.sanitise(made) == made


@pytest.mark.parametrize(
    ("tex", "line"),
    [
        (r"I=\frac{U}{R}", "I=U/R"),
        (r"P=\sqrt{3}\,U_{L}I_{L}\cos\varphi", "P=√3 ULILcosφ"),
        (r"s=\frac{n_1-n}{n_1}\times100\%", "s=(n1-n)/n1×100%"),
        (r"C=5\times10^{-6}\,\mathrm{F}", "C=5×10⁻⁶ F"),
        (r"Z=\sqrt{R^{2}+(X_{L}-X_{C})^{2}}", "Z=√(R²+(XL-XC)²)"),
        (r"f_{0}=\dfrac{1}{2\pi\sqrt{LC}}", "f0=1/(2π√LC)"),
        (r"\overline{AB}", "A̅B̅"),
        (r"\frac{1}{", "frac1"),
    ],
)
def test_a_formula_reads_on_one_line(tex: str, line: str) -> None:
    assert formulas.readable(tex) == line


def digest(stem: str) -> bytes:
    return content_digest(write_body("true_false", markup.from_text(stem), []))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\(U=1.5\)", r"\(U=15\)"),
        (r"\(U=-5\)", r"\(U=5\)"),
        (r"\(10^{2}\)", r"\(102\)"),
        (r"\(10^{-6}\)", r"\(10^{6}\)"),
        (r"\(\frac{1}{2}\)", r"\(12\)"),
        (r"\(U_{1}\)", r"\(U^{1}\)"),
        (r"\(\overline{A}B\)", r"\(\overline{AB}\)"),
        (r"\(A+B\)", r"\(AB\)"),
        (r"\(5\,\mathrm{M\Omega}\)", r"\(5\,\mathrm{m\Omega}\)"),
    ],
)
def test_formulas_that_say_something_else_are_other_items(one: str, other: str) -> None:
    assert digest(f"电压为 {one}。") != digest(f"电压为 {other}。")


def test_formulas_that_only_look_different_are_the_same_item() -> None:
    assert digest(r"\(I=\frac{U}{R}\)。") == digest(r"\( I = \dfrac{U}{R}\, \)。")
    assert digest(r"电流 \(I=2\)。") == digest("电流 I=2。")


def test_lint_and_lists_see_the_readable_line() -> None:
    body = write_body("single", markup.from_text(r"由 \(I=\frac{U}{R}\) 可知（　）。"), [r"\(2\,\mathrm{A}\)", "3 A"])
    item = lint_item(body, ItemKeyData(correct=(1,)))
    assert item.stem == "由 I=U/R 可知（　）。"
    assert item.options == ("2 A", "3 A")
