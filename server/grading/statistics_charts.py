"""Pictures of statistics, drawn by the server as SVG: a title and a description each, and the page says the same in a table.

No script, no inline style; colours come from the style sheet by class, and shapes or words say what colours say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from server.pages import _, marks, translate

WIDTH: Final = 640
LEFT, RIGHT, TOP, BOTTOM = 34, 14, 24, 34
DOTS_AT_MOST: Final = 60
"""With so few people each is a dot; with more, bars."""
BINS: Final = 50
PANEL, PANEL_HEIGHT, PANELS_IN_ROW = 122, 132, 5


def totals_picture(name: str, body: Mapping[str, Any]) -> Markup:
    """Where the totals of one form lie: a dot a candidate (filled: passed), or bars; the pass mark and the error."""
    full, totals, pass_mark = body["full"], body["totals"], body["pass_mark"]
    sem = body["sem"].get("value")
    bins = Counter(min(total * BINS // max(full, 1), BINS - 1) for total in totals)
    most = max(bins.values(), default=1)
    dots = len(totals) <= DOTS_AT_MOST
    step = (WIDTH - LEFT - RIGHT) / BINS
    pitch = 13.0 if dots else 130 / max(most, 1)
    height = round(TOP + BOTTOM + max(pitch * most, 104))
    base = height - BOTTOM
    pass_x = LEFT + (WIDTH - LEFT - RIGHT) * pass_mark / max(full, 1)
    parts = []
    if sem is not None:
        reach = (WIDTH - LEFT - RIGHT) * sem * 100 / max(full, 1)
        parts.append(f'<rect class="band" x="{pass_x - reach:.1f}" y="{TOP}" width="{2 * reach:.1f}" height="{base - TOP}"/>')
    for place, count in sorted(bins.items()):
        x = LEFT + place * step
        passed = place * full // BINS >= pass_mark
        if dots:
            parts += [
                f'<circle class="dot {"passed" if passed else "failed"}" cx="{x + step / 2:.1f}" '
                f'cy="{base - 7 - row * pitch:.1f}" r="5.2"/>'
                for row in range(count)
            ]
        else:
            parts.append(
                f'<rect class="bar {"" if passed else "alt"}" x="{x + 1:.1f}" y="{base - count * pitch:.1f}" '
                f'width="{step - 2:.1f}" height="{count * pitch:.1f}"/>'
            )
    parts += _axis(full, base)
    parts.append(f'<line class="pass" x1="{pass_x:.1f}" x2="{pass_x:.1f}" y1="{TOP - 8}" y2="{base}"/>')
    label = translate(_("pass mark %(mark)s"), mark=marks(pass_mark))
    parts.append(f'<text class="pass-label" x="{pass_x + 5:.1f}" y="{TOP - 8}">{escape(label)}</text>')
    passed_n = sum(total >= pass_mark for total in totals)
    about = translate(
        _("%(n)s candidates from %(low)s to %(high)s; %(passed)s reached the pass mark of %(mark)s."),
        n=len(totals),
        low=marks(totals[0]) if totals else "–",
        high=marks(totals[-1]) if totals else "–",
        passed=passed_n,
        mark=marks(pass_mark),
    )
    return _picture(name, translate(_("Totals on form %(form)s"), form=body["label"]), about, parts, WIDTH, height)


def _axis(full: int, base: int) -> list[str]:
    parts = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']
    for tenth in range(11):
        x = LEFT + (WIDTH - LEFT - RIGHT) * tenth / 10
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{marks(full * tenth // 10)}</text>')
    return parts


@dataclass(frozen=True)
class OptionPanel:
    """One option of an item for its picture: its letter, whether it is right, how many chose it, and the share in each group
    (0 to 1, the weakest first; one share where there are too few to split)."""

    letter: str
    right: bool
    chosen: int
    shares: tuple[float, ...]


def options_picture(name: str, panels: Sequence[OptionPanel], n: int) -> Markup:
    """How each option was chosen by the weak and the strong: a small panel an option, to one scale."""
    rows = -(-len(panels) // PANELS_IN_ROW)
    height = rows * PANEL_HEIGHT + 4
    parts = []
    for at, panel in enumerate(panels):
        x, y = (at % PANELS_IN_ROW) * (PANEL + 6), (at // PANELS_IN_ROW) * PANEL_HEIGHT
        parts += _panel(panel, x, y, n)
    about = "; ".join(
        translate(
            _("%(letter)s%(right)s: chosen by %(chosen)s; by group, weakest first: %(shares)s"),
            letter=panel.letter,
            right=translate(_(" (key)")) if panel.right else "",
            chosen=panel.chosen,
            shares=", ".join(f"{share * 100:.0f}%" for share in panel.shares),
        )
        for panel in panels
    )
    title = translate(_("Who chose which option"))
    return _picture(name, title, about, parts, PANELS_IN_ROW * (PANEL + 6), height, "options-chart")


def _panel(panel: OptionPanel, x: int, y: int, n: int) -> list[str]:
    base, top = y + PANEL_HEIGHT - 24, y + 26
    step = (PANEL - 8) / len(panel.shares)
    head = f"{panel.letter} ✓" if panel.right else panel.letter
    percent = f"{panel.chosen * 100 / n:.0f}%" if n else "–"
    parts = [
        f'<rect class="panel" x="{x}" y="{y + 1}" width="{PANEL}" height="{PANEL_HEIGHT - 6}" rx="6"/>',
        f'<text class="letter" x="{x + 8}" y="{y + 18}">{escape(head)}</text>',
        f'<text x="{x + PANEL - 8}" y="{y + 18}" text-anchor="end">{percent}</text>',
        f'<line class="grid" x1="{x + 4}" x2="{x + PANEL - 4}" y1="{top}" y2="{top}"/>',
        f'<line class="grid" x1="{x + 4}" x2="{x + PANEL - 4}" y1="{(top + base) / 2}" y2="{(top + base) / 2}"/>',
        f'<line class="axis" x1="{x + 4}" x2="{x + PANEL - 4}" y1="{base}" y2="{base}"/>',
    ]
    for group, share in enumerate(panel.shares):
        tall = share * (base - top)
        parts.append(
            f'<rect class="bar {"right" if panel.right else "alt"}" x="{x + 4 + group * step + step * 0.14:.1f}" '
            f'y="{base - tall:.1f}" width="{step * 0.72:.1f}" height="{tall:.1f}"/>'
        )
    if len(panel.shares) > 1:
        weak, strong = translate(_("weakest")), translate(_("strongest"))
        parts.append(f'<text class="end" x="{x + 6}" y="{base + 14}">{escape(weak)}</text>')
        parts.append(f'<text class="end" x="{x + PANEL - 6}" y="{base + 14}" text-anchor="end">{escape(strong)}</text>')
    return parts


def interval(found: Mapping[str, Any], low: float, high: float) -> Markup:
    """A value and its interval on a rail from `low` to `high`: beside the numbers, hence hidden from screen readers."""
    if "value" not in found:
        return Markup("")

    def place(value: float) -> float:
        return 100 * (min(max(value, low), high) - low) / (high - low)

    zero = f'<line class="zero" x1="{place(0):.1f}" x2="{place(0):.1f}" y1="0" y2="12"/>' if low < 0 else ""
    return Markup(  # noqa: S704
        f'<svg class="interval" viewBox="-4 0 108 12" aria-hidden="true"><line class="rail" x1="0" x2="100" y1="6" y2="6"/>{zero}'
        f'<line class="reach" x1="{place(found["low"]):.1f}" x2="{place(found["high"]):.1f}" y1="6" y2="6"/>'
        f'<circle class="dot passed" cx="{place(found["value"]):.1f}" cy="6" r="3.6"/></svg>'
    )


def means_picture(name: str, forms: Sequence[Mapping[str, Any]]) -> Markup:
    """The mean of each form with its interval, to one scale; `forms`: bodies of forms."""
    full = max((form["full"] for form in forms), default=1) or 1
    line = 30
    height = TOP + BOTTOM + line * len(forms) - 12
    base = height - BOTTOM
    scale = (WIDTH - LEFT - RIGHT) * 100 / full
    parts, said = _axis(full, base), []
    for row, form in enumerate(forms):
        y, mean = 18 + row * line, form["mean"]
        parts.append(f'<text class="letter" x="4" y="{y + 4}">{escape(form["label"])}</text>')
        if "value" not in mean:
            continue
        low, middle, high = (LEFT + mean[end] * scale for end in ("low", "value", "high"))
        parts.append(f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="dot passed" cx="{middle:.1f}" cy="{y}" r="5"/>')
        said.append(f"{form['label']}: {mean['value']:.1f} ({mean['low']:.1f} – {mean['high']:.1f})")
    title = translate(_("Mean of each form with its 95 percent interval"))
    return _picture(name, title, "; ".join(said), parts, WIDTH, height)


def _picture(name: str, title: str, about: str, parts: Sequence[str], width: int, height: int, more: str = "") -> Markup:
    inside = "".join(parts)
    return Markup(  # noqa: S704
        f'<svg class="chart {more}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-about">{escape(about)}</desc>{inside}</svg>'
    )
