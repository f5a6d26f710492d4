r"""The LaTeX that stands in items, as a tree that the forms' templates set as mathematics. Pure.

Fractions, roots, powers and indices, upright text, bars, signs and Greek letters: what theory papers use. What is not known here
is shown on one line instead (`itembank.formulas.readable`), never as source and never left out.

Nodes are JSON: text, or a list that begins with its kind: ``seq`` children, ``frac`` above below, ``root`` inside, ``att`` base
below above, ``up`` inside, ``bar`` inside.
"""

import html
import re
from typing import Final

from itembank import formulas

Node = str | list["Node"]

_TOKEN: Final = re.compile(r"\\([A-Za-z]+|[,;:! {}%&#_$])|([{}^_])|([^\\{}^_\s])|\s+")
_FRACTIONS: Final = frozenset({"frac", "dfrac", "tfrac"})
_AROUND: Final = {"sqrt": "root", "overline": "bar", "bar": "bar"} | dict.fromkeys(
    ("mathrm", "text", "textrm", "operatorname", "mathbf", "mathit", "rm"), "up"
)
_SILENT: Final = frozenset({"left", "right", "displaystyle", "textstyle", "limits", "!"})
_SPACES: Final = {",": "\u2009", ":": "\u2005", ";": "\u2005", " ": "\u2009", "quad": "\u2003", "qquad": "\u2003"}
_WORDS: Final = frozenset({"max", "min", "lim", "log", "exp", "cos", "sin", "tan", "ln", "lg"})
_SIGNS: Final = {
    "times": "×",
    "cdot": "·",
    "div": "÷",
    "pm": "±",
    "approx": "≈",
    "neq": "≠",
    "ne": "≠",
    "leq": "≤",
    "le": "≤",
    "geq": "≥",
    "ge": "≥",
    "infty": "∞",
    "circ": "∘",
    "degree": "°",
    "propto": "∝",
    "angle": "∠",
    "parallel": "∥",
    "to": "→",
    "rightarrow": "→",
    "lor": "∨",
    "land": "∧",
    "oplus": "⊕",
    "sum": "∑",
    "ell": "ℓ",
    "Delta": "Δ",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "varepsilon": "ε",
    "epsilon": "ϵ",
    "eta": "η",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "varphi": "φ",
    "phi": "ϕ",
    "psi": "ψ",
    "omega": "ω",
}


class _Unknown(Exception):
    """Something this reader does not set."""


def tree(source: str) -> Node:
    """The tree of a formula as it is stored (HTML-escaped); one line of text where it holds what is not known here."""
    try:
        return _Reader(html.unescape(source)).whole()
    except _Unknown:
        return ["up", formulas.readable(source)]


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        end = 0
        for found in _TOKEN.finditer(text):
            if found.start() != end:
                raise _Unknown
            end = found.end()
            command, brace, char = found[1], found[2], found[3]
            if command is not None:
                self.tokens.append("\\" + command)
            elif brace or char:
                self.tokens.append(brace or char)
        if end != len(text):
            raise _Unknown
        self.at = 0

    def whole(self) -> Node:
        found = self.sequence()
        if self.at != len(self.tokens):
            raise _Unknown
        return found

    def sequence(self) -> Node:
        nodes: list[Node] = []
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            node = self.attached()
            if node is not None:
                nodes.append(node)
        return nodes[0] if len(nodes) == 1 else ["seq", *nodes]

    def attached(self) -> Node | None:
        """One thing with what hangs on it."""
        base = "" if self.tokens[self.at] in {"^", "_"} else self.one()
        below: Node = ""
        above: Node = ""
        while self.at < len(self.tokens) and self.tokens[self.at] in {"^", "_"}:
            mark = self.next()
            inside = self.one() or ""
            if mark == "_":
                below = inside
            else:
                above = inside
        if below or above:
            return ["att", base or "", below, above]
        return base

    def one(self) -> Node | None:
        found = self.next()
        if found == "{":
            inside = self.sequence()
            if self.next() != "}":
                raise _Unknown
            return inside
        return self.command(found[1:]) if found.startswith("\\") else found

    def command(self, name: str) -> Node | None:
        """What a command and its arguments come to."""
        sign = _SIGNS.get(name) or _SPACES.get(name)
        if sign or name in _SILENT:
            return sign
        if name in _WORDS:
            return ["up", name]
        if name in _FRACTIONS:
            return ["frac", self.one() or "", self.one() or ""]
        if name in _AROUND:
            return [_AROUND[name], _joined(self.one() or "")]
        if len(name) > 1:
            raise _Unknown
        return name

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise _Unknown
        self.at += 1
        return self.tokens[self.at - 1]


def _joined(node: Node) -> Node:
    """Letters in a row as one word."""
    if isinstance(node, list) and node[0] == "seq" and all(isinstance(part, str) for part in node):
        return "".join(str(part) for part in node[1:])
    return node
