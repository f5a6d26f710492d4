"""Small pictures drawn by the server as SVG, no script, no inline style; a table beside them says the same."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

_WIDTH, _WIDE, _HEIGHT, _LEFT, _BOTTOM = 300, 460, 130, 26, 22
_TALL = 220

Limits = tuple[int, int]
"""What was asked: at least, at most."""


def histogram(
    counts: Mapping[int, int], labels: Sequence[int], title: str, highest: int, limits: Mapping[int, Limits] | None = None
) -> Markup:
    """Bars for how often each label occurs; `highest` gives all pictures of a row one scale. `limits` are drawn as brackets."""
    asked = limits or {}
    top = max(highest, *(high for _low, high in asked.values()), 1) if asked else max(highest, 1)
    plot = _HEIGHT - _BOTTOM - 14
    step = (_WIDTH - _LEFT - 6) / len(labels)
    parts = [f'<line class="axis" x1="{_LEFT}" y1="{_HEIGHT - _BOTTOM}" x2="{_WIDTH}" y2="{_HEIGHT - _BOTTOM}"/>']
    for n, label in enumerate(labels):
        count = counts.get(label, 0)
        height = plot * count / top
        x = _LEFT + n * step + step * 0.15
        y = _HEIGHT - _BOTTOM - height
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{step * 0.7:.1f}" height="{height:.1f}" rx="2"/>')
        middle = _LEFT + (n + 0.5) * step
        parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{label}</text>')
        if count:
            parts.append(f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{count}</text>')
        if label in asked:
            low, high = (_HEIGHT - _BOTTOM - plot * min(value, top) / top for value in asked[label])
            parts.append(_bracket(x - 3, high, x - 3, low))
    return _picture(title, parts, _HEIGHT)


def grouped_bars(
    rows: Sequence[tuple[str, Sequence[int]]],
    names: Sequence[str],
    title: str,
    limits: Sequence[Limits | None] = (),
) -> Markup:
    """One group of thin bars a row (topic), one bar a name (form), all to one scale; what was asked as a bracket above."""
    asked = list(limits) or [None] * len(rows)
    highest = [high for one in asked if one for high in one]
    top = max([count for _label, counts in rows for count in counts] + highest, default=1) or 1
    bar, gap = 9, 12
    group = len(names) * bar + gap
    height = len(rows) * group + 8
    left = 90
    scale = (_WIDE - left - 26) / top
    parts = []
    for n, (label, counts) in enumerate(rows):
        y = 6 + n * group
        parts.append(f'<text x="{left - 8}" y="{y + len(names) * bar / 2 + 4:.1f}" text-anchor="end">{escape(label)}</text>')
        for k, count in enumerate(counts):
            width = max(1.0, scale * count)
            parts.append(
                f'<rect class="bar s{k % 4}" x="{left}" y="{y + k * bar}" width="{width:.1f}" height="{bar - 2}" rx="2"/>'
            )
        band = asked[n]
        if band is not None:
            parts.append(_bracket(left + scale * band[0], y - 3, left + scale * band[1], y - 3))
        parts.append(f'<text x="{_WIDE - 20}" y="{y + len(names) * bar / 2 + 4:.1f}">{max(counts, default=0)}</text>')
    return _picture(title, parts, height, _WIDE)


def curves(points: Sequence[float], series: Sequence[tuple[str, Sequence[float]]], title: str) -> Markup:
    """One line a name over the same points, such as the information of each form at each ability; told apart by dashes too."""
    top = max((value for _name, values in series for value in values), default=1.0) or 1.0
    left, right, upper, lower = 40, _WIDE - 12, 14, _TALL - _BOTTOM
    span = (points[-1] - points[0]) or 1.0
    places = [left + (right - left) * (point - points[0]) / span for point in points]
    parts = [
        f'<line class="axis" x1="{left}" y1="{lower}" x2="{right}" y2="{lower}"/>',
        f'<line class="axis" x1="{left}" y1="{upper}" x2="{left}" y2="{lower}"/>',
        f'<text x="{left - 6}" y="{upper + 4}" text-anchor="end">{top:.3g}</text>',
        f'<text x="{left - 6}" y="{lower}" text-anchor="end">0</text>',
    ]
    for n, (point, x) in enumerate(zip(points, places, strict=True)):
        if n % 2 == 0:
            parts.append(f'<text x="{x:.1f}" y="{_TALL - 6}" text-anchor="middle">{point:g}</text>')
    for k, (name, values) in enumerate(series):
        line = " ".join(f"{x:.1f},{lower - (lower - upper) * value / top:.1f}" for x, value in zip(places, values, strict=True))
        parts.append(f'<polyline class="curve s{k % 4} d{k % 4}" points="{line}"><title>{escape(name)}</title></polyline>')
    return _picture(title, parts, _TALL, _WIDE)


def _bracket(x1: float, y1: float, x2: float, y2: float) -> str:
    """From the least to the most that was asked, with a stroke across each end."""
    along, across = (0.0, 3.0) if y1 == y2 else (3.0, 0.0)
    ends = "".join(
        f'<line class="limit" x1="{x - along:.1f}" y1="{y - across:.1f}" x2="{x + along:.1f}" y2="{y + across:.1f}"/>'
        for x, y in ((x1, y1), (x2, y2))
    )
    return f'<line class="limit" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>{ends}'


def _picture(title: str, parts: Sequence[str], height: int, width: int = _WIDTH) -> Markup:
    inside = "".join(parts)
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>'
    )
