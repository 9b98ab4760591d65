"""Template filters: texts of `reporting.formatting` in local time, and the markup of times and states."""

import re
from datetime import UTC, datetime

from jinja2 import Environment
from markupsafe import Markup, escape

from plugins.web.render.swatch import swatch
from plugins.web.render.tree import lined
from reporting import formatting
from reporting.message_text import format_value, sensor_kind

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


def state_pill(state: str) -> Markup:
    """A state as icon, word and colour."""
    icon, name = STATES.get(state, ("–", "none"))
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name, icon, state
    )


def subject(text: str) -> Markup:
    """The subject of a row of `attention`: the name with its own direction, small what is in brackets."""
    name, bracket, ref = text.rpartition(" (")
    if not bracket or not ref.endswith(")"):
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup('<bdi>{}</bdi> <span class="minor ref">({}</span>').format(name, ref)


def register_filters(env: Environment, timezone: str) -> None:
    """Make all filters available to templates."""
    env.filters.update(
        duration=formatting.format_duration,
        local=lambda text: formatting.format_local(text, timezone),
        ago=lambda text: age(text, timezone),
        clock=lambda text: clock(text, timezone),
        state=state_pill,
        subject=subject,
        coded=coded,
        lined=lined,
        plural=formatting.plural,
        number=formatting.format_number,
        length_of=formatting.format_length,
        watt=formatting.format_watts,
        kwh=formatting.format_kwh,
        months=formatting.format_months,
        hours=formatting.format_hours,
        fig=formatting.format_figure,
        megabytes=formatting.format_bytes,
        sensor_kind=sensor_kind,
    )
    env.globals.update(format_value=format_value, swatch=swatch)
