"""Sparklines: a figure as high as a line of text, with a text that is read aloud. A gap stays a gap. Pure.

Noise must not look like a storm, and two lines of one list must compare, so a sparkline is never fitted to
its own values alone. `shared_scale` gives the scale, in this order:

1. The ends that are given: limits of the figure, such as 0 and 100 per cent of a battery.
2. A figure that counts from zero (watts, amperes, kilowatt hours ...) begins at zero, and its top is a
   quarter above the highest value of all lines that share the scale: 2 W of flutter on 120 W are flat.
3. Any other one spans at least what its unit needs to matter (8 °C, 20 % of humidity, 30 hPa), else a tenth
   of the value itself, around the middle of the values. Per cent stay within 0 to 100.
"""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reporting.charts.canvas import encode_path, style_class
from reporting.charts.model import Point, cut_at_gaps
from reporting.charts.scale import FROM_ZERO

WIDE, TALL = 480, 120  # the box of the drawing, which is stretched to its place
PAD = 10  # above and below, so that the line is not cut
LEAST_SPANS = {"°C": 8.0, "°F": 14.4, "%": 20.0, "hPa": 30.0, "kPa": 3.0, "dBm": 30.0, "dB": 30.0, "pH": 2.0}
LEAST, ABOVE, BESIDE = 0.1, 1.25, 0.1


def shared_scale(
    lines: Iterable[Sequence[Point]], unit: str, low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """The ends of the scale for lines of one unit, as the rule above has it."""
    means = [point.mean for points in lines for point in points]
    if not means:
        return 0 if low is None else low, 1 if high is None else high
    bottom, top = min(means), max(means)
    if unit in FROM_ZERO and bottom >= 0:
        bottom, top = 0.0, top * ABOVE or 1.0
    else:
        span = (top - bottom) * (1 + 2 * BESIDE)
        least = max(LEAST_SPANS.get(unit, LEAST * max(abs(bottom), abs(top), 1.0)), span)
        inside = unit == "%" and bottom >= 0 and top <= 100
        middle = (bottom + top) / 2
        bottom, top = middle - least / 2, middle + least / 2
        if inside:
            moved = max(0.0, -bottom) - max(0.0, top - 100)
            bottom, top = max(0.0, bottom + moved), min(100.0, top + moved)
    bottom, top = bottom if low is None else low, top if high is None else high
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 0.5)


def draw_sparkline(
    points: Sequence[Point],
    since: float,
    until: float,
    low: float | None = None,
    high: float | None = None,
    text: str = "",
    *,
    unit: str = "",
    has_gaps: bool = True,
    on_battery: Sequence[tuple[float, float]] = (),
    number: int = 1,
) -> Markup:
    """A line with its area from `since` to `until`, unix seconds, described by `text`; empty without a point.

    `low` and `high` are the ends of its scale; what is not given follows the rule for its `unit`. It is cut
    where it `has_gaps`. `on_battery` are spans that are marked at the foot; `number` is that of its colour.
    """
    if not points or until <= since:
        return Markup()
    bottom, top = shared_scale([points], unit, low, high)

    def place(point: Point) -> tuple[int, int]:
        down = (top - min(max(point.mean, bottom), top)) / (top - bottom)
        return round((point.at - since) / (until - since) * WIDE), round(PAD + down * (TALL - 2 * PAD))

    pieces = [[place(point) for point in piece] for piece in (cut_at_gaps(points) if has_gaps else [points])]
    areas = [[(piece[0][0], TALL), *piece, (piece[-1][0], TALL)] for piece in pieces if len(piece) > 1]
    style = style_class(number)
    drawn = f'<path class="area {style}" d="{encode_path(areas, closed=True)}"/>' if areas else ""
    drawn += f'<path class="line {style}" d="{encode_path(pieces)}"/>'
    for start, end in on_battery:
        left, right = ((min(max(at, since), until) - since) / (until - since) * WIDE for at in (start, end))
        width = max(right - left, 10)
        drawn += f'<rect class="outage" x="{left:.0f}" y="{TALL - 14}" width="{width:.0f}" height="14"/>'
    return _svg(drawn, text)


def _svg(drawn: str, text: str) -> Markup:
    head = Markup(
        '<svg class="sparkline" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><title>{}</title>'
    )
    return head.format(WIDE, TALL, text, text) + Markup(drawn) + Markup("</svg>")
