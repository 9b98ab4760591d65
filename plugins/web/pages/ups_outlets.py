"""The outlets of a UPS or PDU on its page: name, state, power, energy, and the listed commands of each."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plugins.web.pages.ups_variables import numbers_in
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.formatting import format_length

_OUTLET = re.compile(r"outlet\.((?:group\.)?\d+)\.([a-z.]+)")
_COMMAND = re.compile(r"outlet\.((?:group\.)?\d+)\.load\.(on|off|cycle)")
SHOWN = ("name", "desc", "status", "switch", "realpower", "power", "current")
STATES = {"closed": "on", "yes": "on", "1": "on", "open": "off", "no": "off", "0": "off"}
# Wh of the last 24 hours: the average of each hour for as long as the UPS was polled in it, and that time.
ENERGY = """select j.value as variable, sum(h.avg * u.covered_s) / 3600 as wh, sum(u.covered_s) as covered_s
from json_each(:names) j join ups_figures_hourly h on h.ups = :ups and h.variable = j.value
  join ups_samples_hourly u on u.ups = h.ups and u.hour_at = h.hour_at
where h.hour_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')
group by j.value"""
NEARLY_A_DAY_S = 23 * 3600  # the hour that began more than a day ago is left out


@dataclass
class Outlet:
    """One outlet or group of outlets. `power` is (number, unit); `energy` is (Wh, of which time)."""

    key: str
    name: str
    state: str
    power: tuple[float, str] | None
    energy: tuple[float, str] | None = None
    commands: list[Row] = field(default_factory=list)

    @property
    def title(self) -> str:
        """`Outlet 3`, `Group 1`."""
        group, _, number = self.key.rpartition("group.")
        return f"{'Group' if group or self.key.startswith('group.') else 'Outlet'} {number}"


def find_outlets(texts: Mapping[str, str], labels: Mapping[str, str]) -> list[Outlet]:
    """The outlets among the variables of a UPS, by number; groups come last.

    `labels`: name that the config gives `outlet.N.desc` or `outlet.N.name`.
    """
    parts: dict[str, dict[str, str]] = {}
    for variable, text in texts.items():
        if match := _OUTLET.fullmatch(variable):
            parts.setdefault(match[1], {})[match[2]] = text
    shown = [key for key, own in parts.items() if any(name in own for name in SHOWN)]
    shown.sort(key=lambda key: ("group" in key, int(key.rpartition(".")[2])))
    return [_outlet(key, parts[key], labels) for key in shown]


def _outlet(key: str, own: Mapping[str, str], labels: Mapping[str, str]) -> Outlet:
    figures = numbers_in(own)
    given = next(
        (labels[f"outlet.{key}.{name}"] for name in ("name", "desc") if f"outlet.{key}.{name}" in labels), ""
    )
    state = own.get("status", own.get("switch", "")).strip()
    power = next(
        (
            (number, unit)
            for name, unit in (("realpower", "W"), ("power", "VA"), ("current", "A"))
            if (number := figures.get(name)) is not None
        ),
        None,
    )
    energy = figures.get("energy")
    return Outlet(
        key,
        given or own.get("name") or own.get("desc") or "",
        STATES.get(state.lower(), state.lower() if state.lower() in ("on", "off") else state),
        power,
        None if energy is None else (energy, "as it counts"),
    )


async def outlets(
    site: Site, ups: int, texts: Mapping[str, str], labels: Mapping[str, str], commands: Sequence[Row]
) -> list[Outlet]:
    """The outlets of a UPS with their energy and commands; commands shown here are marked as `outlet`."""
    found = find_outlets(texts, labels)
    by_key = {outlet.key: outlet for outlet in found}
    for command in commands:
        match = _COMMAND.fullmatch(command["name"])
        if match and match[1] in by_key and not command["seconds"]:
            command["outlet"] = match[1]
            by_key[match[1]].commands.append(command | {"short": match[2]})
    metered = {
        f"outlet.{one.key}.realpower": one
        for one in found
        if one.power and one.power[1] == "W" and not one.energy
    }
    if metered:
        rows = await select(site, ENERGY, {"ups": ups, "names": json.dumps(list(metered))})
        for row in rows or []:
            whole = row["covered_s"] >= NEARLY_A_DAY_S
            period = "in 24 h" if whole else f"in {format_length(row['covered_s'])}"
            metered[row["variable"]].energy = (round(row["wh"], 1), period)
    return found
