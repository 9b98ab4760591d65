"""Template filters: texts of `reporting.formatting` in local time, and the markup of times and states."""

import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup, escape

from plugins.web.render.inline_styles import NoInlineStyles
from plugins.web.render.swatch import swatch
from reporting import formatting
from reporting.battery_forecast import forecast_text
from reporting.charts import ring
from reporting.device_date import describe_device_date
from reporting.message_text import describe_row, format_value, format_version, sensor_kind, value_name
from reporting.power_flow import flow_of, mains_of
from reporting.radio_tree import lined

STATES = {  # state -> (icon, class)
    "OK": ("✓", "ok"),
    "Warning": ("▲", "warning"),
    "Critical": ("■", "critical"),
    "Stale": ("◷", "stale"),
    "No data": ("–", "none"),
    "Retired": ("–", "none"),
}


def age(text: str | None, timezone: str) -> Markup:
    """`12 s ago` in a <time> with the UTC text, the local time as its title."""
    at = formatting.parse_time(text)
    if at is None:
        return Markup(formatting.UNKNOWN)
    passed = formatting.format_duration((datetime.now(UTC) - at).total_seconds())
    return Markup('<time datetime="{}" title="{}" data-ago>{} ago</time>').format(
        text, formatting.format_local(text, timezone), passed
    )


def clock(text: str | None, timezone: str) -> Markup:
    """Local time in a <time> with the UTC text."""
    if formatting.parse_time(text) is None:
        return Markup(formatting.UNKNOWN)
    return Markup('<time datetime="{}">{}</time>').format(text, formatting.format_clock(text, timezone))


def coded(text: str) -> Markup:
    """Text whose `code` stands in <code>."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def state_pill(state: str, words: str = "") -> Markup:
    """A state as icon, word and colour; `words` stand in place of its own."""
    icon, name = STATES.get(state, ("–", "none"))
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name, icon, words or state
    )


def subject(text: str) -> Markup:
    """The subject of a row of `attention`: the name with its own direction, small what is in brackets."""
    name, bracket, ref = text.rpartition(" (")
    if not bracket or not ref.endswith(")"):
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup('<bdi>{}</bdi> <span class="minor ref">({}</span>').format(name, ref)


def register_filters(env: Environment, timezone: str) -> None:
    """Make all filters available to templates, which lose their inline styles."""
    env.add_extension(NoInlineStyles)
    env.filters.update(
        duration=formatting.format_duration,
        local=lambda text: formatting.format_local(text, timezone),
        local_seconds=lambda text: formatting.format_local(text, timezone, seconds=True),
        ago=lambda text: age(text, timezone),
        clock=lambda text: clock(text, timezone),
        state=state_pill,
        subject=subject,
        coded=coded,
        lined=lined,
        plural=formatting.plural,
        number=formatting.format_number,
        length_of=formatting.format_length,
        split_units=formatting.split_units,
        watt=formatting.format_watts,
        kwh=formatting.format_kwh,
        energy=formatting.format_energy,
        money=formatting.format_money,
        months=formatting.format_months,
        device_date=lambda text: describe_device_date(text, datetime.now(ZoneInfo(timezone)).date()),
        hours=formatting.format_hours,
        fig=formatting.format_figure,
        span_of=formatting.format_span,
        megabytes=formatting.format_bytes,
        sensor_kind=sensor_kind,
        value_name=value_name,
        sketch_version=format_version,
        all_names=formatting.all_names,
        forecast=lambda row: forecast_text(row, timezone, time.time()),
    )
    env.globals.update(
        format_value=format_value,
        describe_row=describe_row,
        swatch=swatch,
        flow_of=flow_of,
        mains_of=mains_of,
        draw_ring=ring,
    )
