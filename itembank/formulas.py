r"""Formulas in items: LaTeX between ``\(`` and ``\)``, kept as ``<span class="math">…</span>``. Pure.

The text of a formula is stored as it was typed; pages typeset it. `readable` is for places that show plain text (lists,
text files, lint), `comparable` for telling whether two items are the same.
"""

import html
import re
from collections.abc import Callable
from typing import Final

OPEN: Final = '<span class="math">'
LONGEST: Final = 500
"""Characters of one formula."""

# A tag of sanitised HTML, whose attribute values may hold anything but a double quote; or a formula as authors type it.
_TYPED: Final = re.compile(rf'<[^>"]*(?:"[^"]*"[^>"]*)*>|\\\(([^<>\n]{{1,{LONGEST}}}?)\\\)')
_STORED: Final = re.compile(r'<span class="math">([^<>]*)</span>')
_PLAIN: Final = re.compile(r"\\\((.*?)\\\)", re.DOTALL)

_SPACING: Final = re.compile(r"\\(?:[,;:! ]|q?quad(?![A-Za-z]))|~")
_LOOKS: Final = re.compile(r"\\(?:left|right|displaystyle|textstyle|limits)(?![A-Za-z])")
_FRACTION: Final = re.compile(r"\\[dt]?frac\s*(\{[^{}]*\}|[0-9A-Za-z])\s*(\{[^{}]*\}|[0-9A-Za-z])")
_ROOT: Final = re.compile(r"√\s*(\{[^{}]*\})")
_UPRIGHT: Final = re.compile(r"\\(?:mathrm|mathit|mathbf|textrm|text|operatorname|rm|vec|dot)(?:\s*\{([^{}]*)\}|\s+)")
_OVER: Final = re.compile(r"\\(?:overline|bar)\s*\{([^{}]*)\}")
_RAISED: Final = re.compile(r"\^(?:\{([+-]?[0-9]+)\}|([0-9]))")
_LOWERED: Final = re.compile(r"_\{([^{}]*)\}|_(?=\w)")
_HIGH: Final = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_COMMAND: Final = re.compile(r"\\([A-Za-z]+)")
# fmt: off
_SIGNS: Final = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "approx": "≈", "neq": "≠", "ne": "≠", "leq": "≤", "le": "≤", "geq": "≥",
    "ge": "≥", "infty": "∞", "circ": "°", "degree": "°", "propto": "∝", "angle": "∠", "parallel": "∥", "sqrt": "√", "to": "→",
    "rightarrow": "→", "lor": "∨", "land": "∧", "oplus": "⊕", "sum": "Σ", "ell": "l",
    "cos": "cos", "sin": "sin", "tan": "tan", "ln": "ln", "lg": "lg",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "varepsilon": "ε", "epsilon": "ε", "eta": "η",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "Sigma": "Σ", "tau": "τ", "varphi": "φ",
    "phi": "φ", "Phi": "Φ", "psi": "ψ", "Psi": "Ψ", "omega": "ω", "Omega": "Ω",
}
# fmt: on


def mark(source: str) -> str:
    r"""Clean HTML with every ``\(…\)`` in its text as a ``span`` of class ``math``. Idempotent."""
    if "\\(" not in source:
        return source
    return _TYPED.sub(lambda found: found[0] if found[1] is None else f"{OPEN}{found[1].strip()}</span>", source)


def typed(source: str) -> str:
    r"""The reverse of `mark`: formulas as ``\(…\)`` again."""
    return _STORED.sub(r"\\(\1\\)", source) if OPEN in source else source


def replaced(text: str, show: Callable[[str], str]) -> str:
    r"""Plain text with ``show`` applied to what stands between ``\(`` and ``\)``."""
    return _PLAIN.sub(lambda found: show(found[1]), text) if "\\(" in text else text


def readable(tex: str) -> str:
    r"""A formula on one line for people: ``\frac{U}{R}`` gives ``U/R``, ``10^{-6}`` gives ``10⁻⁶``, ``U_{2}`` gives ``U2``."""
    text = _LOOKS.sub("", _SPACING.sub(" ", html.unescape(tex)))
    text = _COMMAND.sub(lambda found: _SIGNS.get(found[1], found[0]), text).replace("^{°}", "°").replace("^°", "°")
    for _depth in range(8):
        before = text
        text = _OVER.sub(lambda found: "".join(char + "\u0305" for char in found[1] if char != " "), _UPRIGHT.sub(r"\1", text))
        text = _RAISED.sub(lambda found: (found[1] or found[2]).translate(_HIGH), text)
        text = _LOWERED.sub(r"\1", text)
        text = _ROOT.sub(lambda found: "√" + _grouped(found[1]), text)
        text = _FRACTION.sub(lambda found: f"{_grouped(found[1])}/{_grouped(found[2])}", text)
        if text == before:
            break
    return " ".join(re.sub(r"[{}\\]", "", text).split())


def _grouped(part: str) -> str:
    inner = part.strip("{} ")
    return inner if re.fullmatch(r"[\w.²³̅]+", inner) else f"({inner})"


def comparable(tex: str) -> str:
    """The formula without what only changes its look: spacing, sizes of brackets and of fractions. Signs and digits stay."""
    return re.sub(r"\\[dt]frac(?![A-Za-z])", r"\\frac", _LOOKS.sub(" ", _SPACING.sub(" ", tex)))
