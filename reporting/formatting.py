"""How times, durations, values and states read on a page. Pure, apart from the clock."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

STATES = {  # state -> (icon, class)
    "OK": ("✓", "ok"),
    "Warning": ("▲", "warning"),
    "Critical": ("■", "critical"),
    "Stale": ("◷", "stale"),
    "No data": ("–", "none"),
}
# The unit that MySensors gives a value type; temperature follows `metric` of the gateway.
UNITS = {
    "V_HUM": "%",
    "V_PERCENTAGE": "%",
    "V_PRESSURE": "hPa",
    "V_WATT": "W",
    "V_KWH": "kWh",
    "V_LIGHT_LEVEL": "%",
    "V_VOLTAGE": "V",
    "V_CURRENT": "A",
    "V_DIRECTION": "°",
    "V_VA": "VA",
}
SENSORS = {
    "S_DOOR": "door or window",
    "S_MOTION": "motion",
    "S_SMOKE": "smoke",
    "S_BINARY": "switch",
    "S_DIMMER": "dimmer",
    "S_COVER": "cover",
    "S_TEMP": "temperature",
    "S_HUM": "humidity",
    "S_BARO": "barometer",
    "S_WIND": "wind",
    "S_RAIN": "rain",
    "S_UV": "UV",
    "S_WEIGHT": "weight",
    "S_POWER": "power",
    "S_HEATER": "heater",
    "S_DISTANCE": "distance",
    "S_LIGHT_LEVEL": "light level",
    "S_LOCK": "lock",
    "S_IR": "infrared",
    "S_WATER": "water",
    "S_AIR_QUALITY": "air quality",
    "S_CUSTOM": "custom",
    "S_DUST": "dust",
    "S_SCENE_CONTROLLER": "scene controller",
    "S_RGB_LIGHT": "RGB light",
    "S_RGBW_LIGHT": "RGBW light",
    "S_COLOR_SENSOR": "colour",
    "S_HVAC": "heating",
    "S_MULTIMETER": "multimeter",
    "S_SPRINKLER": "sprinkler",
    "S_WATER_LEAK": "water leak",
    "S_SOUND": "sound",
    "S_VIBRATION": "vibration",
    "S_MOISTURE": "moisture",
    "S_INFO": "text",
    "S_GAS": "gas",
    "S_GPS": "position",
    "S_WATER_QUALITY": "water quality",
    "S_ARDUINO_NODE": "node",
    "S_ARDUINO_REPEATER_NODE": "repeater",
}


def parse_time(text):
    """A `*_at` text as an aware datetime, or None where there is none."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None
    except ValueError:
        return None


def format_duration(seconds):
    """`45 s`, `12 min`, `5 h`, `3 d`; `–` for None."""
    if seconds is None:
        return "–"
    seconds = max(0, seconds)
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def format_length(seconds):
    """A length with its two greatest units: `12 s`, `2 min 05 s`, `1 h 02 min`, `3 d 4 h`; `–` for None."""
    if seconds is None:
        return "–"
    whole = round(max(0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    if whole < 86_400:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60:02d} min" if whole % 3600 >= 60 else "")
    return f"{whole // 86_400} d" + (f" {whole % 86_400 // 3600} h" if whole % 86_400 >= 3600 else "")


def format_figure(value, unit=""):
    """A number with no more digits than it has, and its unit behind a narrow space; `–` for None."""
    if value is None:
        return "–"
    return f"{value:.10g}\u202f{unit}" if unit else f"{value:.10g}"


def format_watts(value):
    """Watts without a fraction from 10 W on."""
    return "–" if value is None else format_figure(round(value, None if value >= 10 else 1), "W")


def format_kwh(value):
    """kWh with three decimals, so that a column lines up."""
    return "–" if value is None else f"{value:,.3f}\u202fkWh"


def format_months(months):
    """`under a month`, `8 months`, `2 y 4 months`."""
    whole = round(months)
    if not whole:
        return "under a month"
    years, rest = divmod(whole, 12)
    text = f"{rest} month{'' if rest == 1 else 's'}"
    return f"{years} y {text}" if years and rest else f"{years} y" if years else text


def format_hours(text):
    """The hours of a tariff, `22,23,00,01`, as spans: `22:00–02:00`."""
    hours = sorted({int(hour) for hour in text.split(",")})
    starts = [hour for hour in hours if (hour - 1) % 24 not in hours]
    spans = []
    for start in starts:
        end = start
        while end % 24 in hours:
            end += 1
        spans.append(f"{start:02d}:00–{end % 24 or 24:02d}:00")
    return ", ".join(spans) or "all"


def format_local(text, timezone):
    """A UTC text as local time without seconds: `20 Nov 2026 23:19`; `–` where there is none."""
    at = parse_time(text)
    return f"{at.astimezone(ZoneInfo(timezone)):%-d %b %Y %H:%M}" if at else "–"


def format_clock(text, timezone):
    """A UTC text as local time with seconds; the date only where it is not today."""
    at = parse_time(text)
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(timezone))
    today = datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%-d %b %H:%M:%S}"


def ago(text, timezone):
    """`12 s ago` in a <time> with the UTC text, the local time as its title."""
    at = parse_time(text)
    if at is None:
        return Markup("–")
    words = format_duration((datetime.now(UTC) - at).total_seconds())
    return Markup('<time datetime="{}" title="{}" data-ago>{} ago</time>').format(
        text, format_local(text, timezone), words
    )


def clock(text, timezone):
    """Local time in a <time> with the UTC text."""
    if parse_time(text) is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(text, format_clock(text, timezone))


def coded(text):
    """Text whose `code` stands in <code>."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def state_pill(state):
    """A state as icon, word and colour."""
    icon, name = STATES.get(state, ("–", "none"))
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name, icon, state
    )


def format_value(text, type_name, metric=True):
    """A value as it was sent, with its unit behind a thin space where the type has one."""
    unit = ("°C" if metric else "°F") if type_name == "V_TEMP" else UNITS.get(type_name)
    return f"{text}\u2009{unit}" if unit and text not in (None, "") else ("–" if text is None else str(text))


def format_number(value):
    """A number without a trailing `.0`; `–` for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def format_bytes(number):
    """`0.4 kB`, `12 MB`, `1.3 GB`; `–` for None."""
    if number is None:
        return "–"
    if not number:
        return "0"
    for limit, divisor, unit in ((1e6, 1e3, "kB"), (1e9, 1e6, "MB")):
        if number < limit:
            return f"{number / divisor:.{1 if number / divisor < 10 else 0}f} {unit}"
    return f"{number / 1e9:.1f} GB"


def sensor_words(type_name):
    """What kind of sensor an S_ symbol is."""
    return SENSORS.get(type_name, "unknown kind" if type_name else "not presented")


def sparkline(points, width=240, height=40, low=None, high=None):
    """(x, y) points as the `points` of an SVG polyline in a box of width x height; '' for fewer than two."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right = min(xs), max(xs)
    bottom, top = min(ys) if low is None else low, max(ys) if high is None else high
    across, up = (right - left) or 1, (top - bottom) or 1
    return " ".join(
        f"{(x - left) / across * width:.1f},{height - (min(max(y, bottom), top) - bottom) / up * height:.1f}"
        for x, y in points
    )


def register(env, timezone):
    """Make all this available to templates."""
    env.filters.update(
        duration=format_duration,
        local=lambda text: format_local(text, timezone),
        ago=lambda text: ago(text, timezone),
        clock=lambda text: clock(text, timezone),
        state=state_pill,
        coded=coded,
        number=format_number,
        length_of=format_length,
        watt=format_watts,
        kwh=format_kwh,
        months=format_months,
        hours=format_hours,
        fig=format_figure,
        megabytes=format_bytes,
        sensor_words=sensor_words,
    )
    env.globals["format_value"] = format_value
