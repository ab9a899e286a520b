"""Bar charts as SVG: grouped bars, on a logarithmic axis or as multiples."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10

LEFT, RIGHT, TOP, BAR, GAP = 150, 660, 56, 16, 22
LETTER = 7  # its width
COLOURS = ("#2f5bd8", "#c0362c", "#b25e09", "#1a7f4b")


def bars(title: str, groups: Mapping[str, Mapping[str, float]], *, unit: str = " ms") -> str:
    """`groups` are rows of bars by name, all in `unit`; every group has the same names."""
    names = list(next(iter(groups.values())))
    decades = max(1, ceil(log10(max(value for group in groups.values() for value in group.values()))))
    bottom = TOP + len(groups) * (len(names) * BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT + 90} {bottom + 30}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-weight="600">{escape(title)}</text>',
        *_legend(names),
        *_axis(decades, bottom, unit),
    ]
    y = TOP
    for group, values in groups.items():
        parts.append(f'<text x="12" y="{y + len(names) * BAR / 2 + 5:.0f}">{escape(group)}</text>')
        for number, name in enumerate(names):
            width = max(1.0, (RIGHT - LEFT) * log10(max(values[name], 1.0)) / decades)
            parts.append(_bar(LEFT, y, width, COLOURS[number], f"{values[name]:,.0f}{unit}"))
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>\n"])


def _legend(names: Sequence[str], left: int = LEFT) -> list[str]:
    return [
        f'<rect x="{left + 150 * number}" y="32" width="12" height="12" fill="{COLOURS[number]}"/>'
        f'<text x="{left + 150 * number + 18}" y="43">{escape(name)}</text>'
        for number, name in enumerate(names)
    ]


def _axis(decades: int, bottom: int, unit: str) -> list[str]:
    marks = []
    for decade in range(decades + 1):
        x = LEFT + (RIGHT - LEFT) * decade / decades
        marks.append(
            f'<line x1="{x:.0f}" y1="{TOP - 6}" x2="{x:.0f}" y2="{bottom - 10}" stroke="#e3e7ee"/>'
            f'<text x="{x:.0f}" y="{bottom + 8}" text-anchor="middle" font-size="11" fill="#5d6779">'
            f"{10**decade:,}{unit}</text>"
        )
    return marks


def relative(title: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Each group's bars as multiples of its second one, on a linear axis, labelled with the figures in `unit`."""
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    longest = max(1.0, *(multiple for values in groups.values() for multiple in _multiples(values).values()))
    left = max(LEFT, LETTER * max(map(len, groups)) + 24)
    scale = (RIGHT - LEFT) / longest
    bottom = TOP + sum(len(values) * BAR + GAP for values in groups.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + RIGHT - LEFT + 150} {bottom}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-weight="600">{escape(title)}</text>',
        *_legend(names, left),
        f'<path d="M{left + scale:.1f} {TOP - 6}V{bottom - GAP}" stroke="#5d6779"/>',
    ]
    y = TOP
    for group, values in groups.items():
        parts.append(f'<text x="12" y="{y + len(values) * BAR / 2 + 5:.0f}">{escape(group)}</text>')
        for name, multiple in _multiples(values).items():
            label = f"{multiple:.2f} × ({values[name]:,.0f} {unit})"
            parts.append(_bar(left, y, max(1.0, scale * multiple), COLOURS[names.index(name)], label))
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>\n"])


def _bar(x: int, y: int, width: float, colour: str, label: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{BAR - 3}" fill="{colour}"/>'
        f'<text x="{x + width + 6:.1f}" y="{y + 11}" font-size="11">{escape(label)}</text>'
    )


def _multiples(values: Mapping[str, float]) -> dict[str, float]:
    reference = list(values.values())[:2][-1]
    return {name: value / reference for name, value in values.items()}
