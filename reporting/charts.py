"""Charts as figures for `templates/_charts.html`: lines with bands in a box of 1000 x 100 that a page stretches. Pure.

A point is (unix seconds, average, least, greatest). Gaps stay gaps. Text stands outside the stretched box, placed in
per cent across and in pixels down.
"""

from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from reporting.formatting import format_length

WIDTH, HEIGHT = 1000, 100
TOP, TALL = 8, 160  # pixels
LEAST_SHADE = 2.5  # of the width, so that a short outage is seen
STEPS = (
    60,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
    2_678_400,
    5_356_800,
)
TICKS = 6


def chart(title, unit, series, since, until, timezone, shaded=(), lines=(), floor=None, mains=False):
    """The context of one figure, None where no series has a point.

    `series`: (label, points); `shaded`: (start, end); `lines`: (label, value); `floor`: the axis begins there at the latest.
    `mains`: values near 0 are those of an outage and do not stretch the axis.
    """
    numbers = [
        number for number, (_, points) in enumerate(series, 1) if points
    ]  # one colour on every chart of a page
    series = [(label, points) for label, points in series if points]
    if not series:
        return None
    usual = _usual if mains else list
    low, high = _range(series, [value for _, value in lines], floor, usual)

    def x(at):
        return round((at - since) / (until - since) * WIDTH, 1)

    def y(value):
        return round((high - value) / (high - low) * HEIGHT, 2)

    return {
        "title": title,
        "unit": unit,
        "since": since,
        "until": until,
        "low": low,
        "high": high,
        "caption": _caption(series, unit, shaded, since, until, usual),
        "series": [_line(number, label, points, x, y) for number, (label, points) in zip(numbers, series)],
        "shaded": [_shade(start, end, x) for start, end in shaded if end > since and start < until],
        "lines": [
            {"label": label, "y": y(value), "down": _down(y(value))}
            for label, value in lines
            if low <= value <= high
        ],
        "ys": [{"y": y(value), "down": _down(y(value)), "text": f"{value:g}"} for value in _nice(low, high)],
        "xs": [
            {"x": x(at), "across": round(x(at) / WIDTH * 100, 2), "text": text}
            for at, text in _times(since, until, timezone)
        ],
    }


def _down(y):
    return round(TOP + y / HEIGHT * TALL, 1)


def _usual(points):
    """Points without those far below the rest: the mains at 0 V in an outage would flatten the line."""
    middle = median(point[1] for point in points)
    return [point for point in points if point[2] >= middle / 2] or points


def _range(series, values, floor, usual):
    low = min([min(point[2] for point in usual(points)) for _, points in series] + values)
    high = max([max(point[3] for point in points) for _, points in series] + values)
    margin = (high - low) * 0.06 or max(abs(high) * 0.02, 0.5)
    low, high = low - margin, high + margin
    return (min(floor, low) if floor is not None else low), high


def gap_s(points):
    """Seconds between two points from which on there is a gap."""
    apart = [after[0] - before[0] for before, after in zip(points, points[1:])]
    return 2.5 * median(apart) if apart else 0


def pieces(points):
    """The points cut at gaps."""
    limit, found = gap_s(points), []
    for point in points:
        if found and point[0] - found[-1][-1][0] <= limit:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def _line(number, label, points, x, y):
    lines, bands = [], []
    for piece in pieces(points):
        if len(piece) == 1:
            across, level = x(piece[0][0]), y(piece[0][1])
            lines.append(f"{across - 1},{level} {across + 1},{level}")
            continue
        lines.append(" ".join(f"{x(at)},{y(mean)}" for at, mean, _, _ in piece))
        if any(low != high for _, _, low, high in piece):
            upper = [f"{x(at)},{y(high)}" for at, _, _, high in piece]
            lower = [f"{x(at)},{y(low)}" for at, _, low, _ in reversed(piece)]
            bands.append(" ".join(upper + lower))
    return {"number": (number - 1) % 6 + 1, "label": label, "lines": lines, "bands": bands}


def _shade(start, end, x):
    left, right = max(0, x(start)), min(WIDTH, x(end))
    return {"x": left, "width": round(max(right - left, LEAST_SHADE), 1)}


def _nice(low, high):
    """Three to five round values in the range."""
    rough = (high - low) / 4
    power = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 1
    while power > rough:
        power /= 10
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough)
    first = -(-low // step)
    return [round((first + number) * step, 6) for number in range(6) if (first + number) * step <= high]


def _times(since, until, timezone):
    """(unix seconds, text) of at most TICKS round local times."""
    zone = ZoneInfo(timezone)
    step = next((step for step in STEPS if (until - since) / step <= TICKS), STEPS[-1])
    start = datetime.fromtimestamp(since, zone).replace(tzinfo=None)
    if step >= 2_678_400:
        months, found = step // 2_678_400, []
        year, month = start.year, start.month + 1
        while len(found) <= 2 * TICKS:
            at = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=zone)
            if at.timestamp() >= until:
                break
            found.append((at.timestamp(), f"{at:%b %Y}"))
            month += months
        return found[:: -(-len(found) // TICKS) or 1]
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    count = -(-(start - midnight).total_seconds() // step)
    found = []
    while (at := (midnight + timedelta(seconds=count * step)).replace(tzinfo=zone)).timestamp() < until:
        text = f"{at:%-d %b}" if step >= 86_400 or (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"
        found.append((at.timestamp(), text))
        count += 1
    return found


def _caption(series, unit, shaded, since, until, usual):
    """What the chart says, in a sentence."""
    told = []
    for label, points in series:
        kept = usual(points)
        low, high = min(point[2] for point in kept), max(point[3] for point in kept)
        span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        told.append(f"{label} {span}\u202f{unit}" + (" but for outages" if len(kept) < len(points) else ""))
    within = [(max(start, since), min(end, until)) for start, end in shaded if end > since and start < until]
    if within:
        total = sum(end - start for start, end in within)
        times = "once" if len(within) == 1 else f"{len(within)} times"
        told.append(f"on battery {times}, {format_length(total)} in all")
    missing = max(_missing(points, until) for _, points in series)
    if missing:
        told.append(f"no data for {format_length(missing)}")
    return "; ".join(told) + "."


def _missing(points, until):
    limit = gap_s(points)
    ends = [*(point[0] for point in points), until]
    return sum(
        after - before for before, after in zip(ends, ends[1:]) if limit and after - before > max(limit, 60)
    )


def bars(rows, width=WIDTH, height=HEIGHT):
    """(label, value or None, text) as bars of a box: x, width, y, height; a missing value has none."""
    most = max((value for _, value, _ in rows if value), default=0) or 1
    across = width / max(1, len(rows))
    return [
        {
            "x": round(number * across + across * 0.1, 1),
            "width": round(across * 0.8, 1),
            "y": round(height - (value or 0) / most * height, 2),
            "height": round((value or 0) / most * height, 2),
            "text": text,
            "label": label,
        }
        for number, (label, value, text) in enumerate(rows)
    ]


def histogram(title, unit, counts, low, high, step):
    """The context of one figure: how often a value lay in which bin, as bars of the share of all hours.

    `counts`: number of a bin, which begins at number x step -> hours; `low` and `high` are the first bin shown and the last.
    """
    total, most = sum(counts.values()), max(counts.values())

    def share(hours):
        return 100 * hours / total

    def span(first, last):
        return f"{first * step:g} to {(last + 1) * step:g}"

    bins = [(number, counts.get(number, 0)) for number in range(low, high + 1)]
    top = min(number for number, hours in counts.items() if hours == most)
    left, width = low * step, (high + 1 - low) * step
    return {
        "title": title,
        "unit": unit,
        "caption": f"all {span(min(counts), max(counts))}\u202f{unit}, most often {span(top, top)}\u202f{unit}: "
        f"{share(most):.0f}\u202f% of {total} hours.",
        "bars": bars(
            [
                (None, share(hours), f"{span(number, number)} {unit}: {hours} h, {share(hours):.1f} %")
                for number, hours in bins
            ]
        ),
        "xs": [
            {"across": round((value - left) / width * 100, 2), "text": f"{value:g}"}
            for value in _nice(left, left + width)
        ],
    }
