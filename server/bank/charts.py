"""Small pictures drawn by the server as SVG, no script, no inline style; a table beside them says the same."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

_WIDTH, _WIDE, _HEIGHT, _LEFT, _BOTTOM = 300, 460, 130, 26, 22


def histogram(counts: Mapping[int, int], labels: Sequence[int], title: str, highest: int) -> Markup:
    """Bars for how often each label occurs; `highest` gives all pictures of a row one scale."""
    top = max(highest, 1)
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
    return _picture(title, parts, _HEIGHT)


def grouped_bars(rows: Sequence[tuple[str, Sequence[int]]], names: Sequence[str], title: str) -> Markup:
    """One group of thin bars a row (topic), one bar a name (form), all to one scale."""
    top = max((count for _label, counts in rows for count in counts), default=1) or 1
    bar, gap = 9, 10
    group = len(names) * bar + gap
    height = len(rows) * group + 8
    left = 90
    parts = []
    for n, (label, counts) in enumerate(rows):
        y = 4 + n * group
        parts.append(f'<text x="{left - 8}" y="{y + len(names) * bar / 2 + 4:.1f}" text-anchor="end">{escape(label)}</text>')
        for k, count in enumerate(counts):
            width = max(1.0, (_WIDE - left - 26) * count / top)
            parts.append(
                f'<rect class="bar s{k % 4}" x="{left}" y="{y + k * bar}" width="{width:.1f}" height="{bar - 2}" rx="2"/>'
            )
        parts.append(f'<text x="{_WIDE - 20}" y="{y + len(names) * bar / 2 + 4:.1f}">{max(counts, default=0)}</text>')
    return _picture(title, parts, height, _WIDE)


def _picture(title: str, parts: Sequence[str], height: int, width: int = _WIDTH) -> Markup:
    inside = "".join(parts)
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>'
    )
