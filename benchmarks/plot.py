"""A bar chart as SVG, by hand: grouped bars on a logarithmic axis of milliseconds."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10

LEFT, RIGHT, TOP, BAR, GAP = 150, 660, 56, 16, 22
COLOURS = ("#2f5bd8", "#c0362c", "#b25e09", "#1a7f4b")


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """`groups` are rows of bars, each by name, in milliseconds; every group has the same names."""
    names = list(next(iter(groups.values())))
    decades = max(1, ceil(log10(max(value for group in groups.values() for value in group.values()))))
    bottom = TOP + len(groups) * (len(names) * BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT + 90} {bottom + 30}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-weight="600">{escape(title)}</text>',
        *_legend(names),
        *_axis(decades, bottom),
    ]
    y = TOP
    for group, values in groups.items():
        parts.append(f'<text x="12" y="{y + len(names) * BAR / 2 + 5:.0f}">{escape(group)}</text>')
        for number, name in enumerate(names):
            width = max(1.0, (RIGHT - LEFT) * log10(max(values[name], 1.0)) / decades)
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 3}" fill="{COLOURS[number]}"/>'
                f'<text x="{LEFT + width + 6:.1f}" y="{y + 11}" font-size="11">{values[name]:,.0f} ms</text>'
            )
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>\n"])


def _legend(names: Sequence[str]) -> list[str]:
    return [
        f'<rect x="{LEFT + 150 * number}" y="32" width="12" height="12" fill="{COLOURS[number]}"/>'
        f'<text x="{LEFT + 150 * number + 18}" y="43">{escape(name)}</text>'
        for number, name in enumerate(names)
    ]


def _axis(decades: int, bottom: int) -> list[str]:
    marks = []
    for decade in range(decades + 1):
        x = LEFT + (RIGHT - LEFT) * decade / decades
        marks.append(
            f'<line x1="{x:.0f}" y1="{TOP - 6}" x2="{x:.0f}" y2="{bottom - 10}" stroke="#e3e7ee"/>'
            f'<text x="{x:.0f}" y="{bottom + 8}" text-anchor="middle" font-size="11" fill="#5d6779">'
            f"{10**decade:,} ms</text>"
        )
    return marks
