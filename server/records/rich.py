"""The HTML of items as a tree that the forms' templates set. Pure: what people typed reaches the typesetter as data.

Nodes are JSON: text, or a list that begins with its kind: ``p b i u s sub sup code`` with children, ``br``, ``ul`` items, ``ol``
start items, ``table`` columns cells (each ``[colspan, rowspan, head, children]``), ``img`` digest, ``math`` tree (see `tex`).
"""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, Final

from server.records import tex

Rich = list[Any]

_INLINE: Final = {"b": "b", "strong": "b", "i": "i", "em": "i", "u": "u", "s": "s", "sub": "sub", "sup": "sup", "code": "code"}
_BLOCKS: Final = frozenset({"p", "div", "pre", "blockquote", "caption"})


class _Element:
    """An open tag with what is in it so far."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: Rich = []

    def number(self, name: str) -> int:
        value = self.attributes.get(name) or ""
        return max(1, int(value)) if value.isdigit() else 1


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [_Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "br":
            self.stack[-1].children.append(["br"])
        elif tag == "img":
            digest = (attributes.get("src") or "").removeprefix("media:")
            self.stack[-1].children.append(["img", digest])
        else:
            self.stack.append(_Element(tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        if all(one.tag != tag for one in self.stack[1:]):
            return
        while len(self.stack) > 1:
            done = self.stack.pop()
            self.stack[-1].children += _nodes(done)
            if done.tag == tag:
                return

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)

    def whole(self) -> Rich:
        self.close()
        while len(self.stack) > 1:
            done = self.stack.pop()
            self.stack[-1].children += _nodes(done)
        return self.stack[0].children


def _nodes(one: _Element) -> Rich:
    """What a closed tag comes to; of a tag that is not known here only what is in it."""
    if one.tag in _INLINE:
        return [[_INLINE[one.tag], one.children]]
    build = _BUILDERS.get("p" if one.tag in _BLOCKS else one.tag)
    return one.children if build is None else build(one)


def _inside(one: _Element, kind: str) -> Rich:
    return [child for child in one.children if isinstance(child, list) and child[0] == kind]


def _list(one: _Element) -> Rich:
    items = [child[1] for child in _inside(one, "li")]
    return [["ul", items] if one.tag == "ul" else ["ol", one.number("start"), items]]


def _cell(one: _Element) -> Rich:
    return [["cell", one.number("colspan"), one.number("rowspan"), one.tag == "th", one.children]]


def _table(one: _Element) -> Rich:
    rows = [child[1] for child in _inside(one, "row")]
    columns = max((sum(cell[1] for cell in row) for row in rows), default=0)
    return [["table", columns, [cell[1:] for row in rows for cell in row]]] if columns else []


def _span(one: _Element) -> Rich:
    if one.attributes.get("class") != "math":
        return one.children
    return [["math", tex.tree("".join(part for part in one.children if isinstance(part, str)))]]


_BUILDERS: Final[dict[str, Callable[[_Element], Rich]]] = {
    "p": lambda one: [["p", one.children]],
    "li": lambda one: [["li", one.children]],
    "ul": _list,
    "ol": _list,
    "td": _cell,
    "th": _cell,
    "tr": lambda one: [["row", _inside(one, "cell")]],
    "table": _table,
    "span": _span,
}


def tree(source: str) -> Rich:
    """The tree of stored HTML (sanitised when it was written)."""
    reader = _Reader()
    reader.feed(source)
    return reader.whole()
