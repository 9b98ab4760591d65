"""Column names of tables, views and queries as words with their unit. Pure."""

import re
from typing import NamedTuple

TIME, DURATION = "time", "duration"  # kinds of columns
TITLES = {
    "age_s": "Age",
    "at": "Time",
    "at_watts": "At a load of",
    "avg": "Average",
    "battery_level_at": "Battery level reported",
    "battery_refused_at": "Battery level refused",
    "below": "Below",
    "boost_min": "Boosted",
    "charge_start": "Charge at the start",
    "child_id": "Child",
    "device_runtime_s": "Promised by the UPS",
    "first_fall_voltage": "Fall in self-tests, first",
    "first_full_s": "Full runtime, first",
    "high_days": "Left, at the most",
    "kwh": "Energy",
    "latest_fall_voltage": "Fall in self-tests, latest",
    "latest_full_s": "Full runtime, latest",
    "level_at": "Level reported",
    "lost_a_month": "Lost a month",
    "low_days": "Left, at the least",
    "max": "Highest",
    "mfr": "Manufacturer",
    "min": "Lowest",
    "months": "Age",
    "months_left": "Left, estimated",
    "power_nominal": "Rated apparent power",
    "promise_kept": "Carried of the predicted runtime",
    "promise_max": "The same, highest",
    "promise_min": "The same, lowest",
    "realpower_nominal": "Rated power",
    "ref": "Address",
    "replace_high_on": "Replace at the latest",
    "replace_low_on": "Replace at the earliest",
    "seconds": "Length",
    "trim_min": "Trimmed",
    "unpriced_kwh": "Without a tariff",
    "ups_load": "Load",
    "ups_power": "Apparent power",
    "ups_realpower": "Power",
    "ups_status": "Status",
    "ups_temperature": "Temperature",
    "volts": "From",
    "watts": "Power",
    "wh": "Energy",
    "what": "What",
    "words": "As text",
}
LONG = ("battery_runtime", "seconds", "seconds_to_low")  # durations whose name has no `_s`
UNITS = (  # of the name without its statistic
    (re.compile(r"(?!from_)(.*_)?voltage(_.*)?|volts|below|mains_nominal"), "V"),
    (re.compile(r"(.*_)?(watts|realpower)(_.*)?"), "W"),
    (re.compile(r"ups_power|power_nominal"), "VA"),
    (re.compile(r"(battery|input|output)_current"), "A"),
    (re.compile(r"(.*_)?frequency"), "Hz"),
    (re.compile(r"(.*_)?temperature"), "°C"),
    (re.compile(r"(battery_|lowest_)?charge|charge_start|(battery_)?level|lowest_battery|(ups_)?load"), "%"),
    (re.compile(r"coverage|share|capacity(_low|_high)?|promise_\w+|arc|lost_a_month|ups_efficiency"), "%"),
    (re.compile(r"(unpriced_)?kwh"), "kWh"),
    (re.compile(r"wh"), "Wh"),
    (re.compile(r"(trim|boost)_min"), "min"),
    (re.compile(r"months|months_left|months_since_change|battery_months"), "months"),
    (re.compile(r"\w+_days|days_left"), "days"),
    (re.compile(r"\w+_ms"), "ms"),
    (re.compile(r"signal"), "dB"),
)
STATISTIC = re.compile(r"(\w+)_(avg|min|max|95)")
STATISTICS = {"avg": "average", "min": "lowest", "max": "highest", "95": "95th percentile"}
SPELLED = {  # words that are written in a way of their own
    "arc": "ARC",
    "avg": "average",
    "crc": "CRC",
    "kwh": "kWh",
    "max": "highest",
    "min": "lowest",
    "nacks": "NACKs",
    "ota": "OTA",
    "pid": "process",
    "sha256": "SHA-256",
    "ups": "UPS",
    "upses": "UPSes",
    "wh": "Wh",
}
NAME = re.compile(r"[a-z][a-z0-9_]*")


class ColumnTitle(NamedTuple):
    """A column in words, the unit of its numbers, and its kind: TIME, DURATION or ''."""

    words: str
    unit: str = ""
    kind: str = ""


def column_title(name: str) -> ColumnTitle:
    """What a column is called on a page: `battery_charge` is "Battery charge" in %."""
    if not NAME.fullmatch(name):
        return ColumnTitle(name)
    if name == "at" or name.endswith("_at"):
        return ColumnTitle(TITLES.get(name) or _spell(name.removesuffix("_at")), kind=TIME)
    if is_duration(name):
        return ColumnTitle(_with_statistic(name.removesuffix("_s")) if name not in TITLES else TITLES[name],
                           kind=DURATION)  # fmt: skip
    return ColumnTitle(TITLES.get(name) or _with_statistic(name.removesuffix("_ms")), _unit(name))


def is_duration(name: str) -> bool:
    """True for a column of seconds."""
    return name.endswith("_s") or _base(name) in LONG


def _base(name: str) -> str:
    found = STATISTIC.fullmatch(name)
    return found[1] if found else name


def _unit(name: str) -> str:
    for candidate in (name, _base(name)):
        for pattern, unit in UNITS:
            if pattern.fullmatch(candidate):
                return unit
    return ""


def _with_statistic(name: str) -> str:
    found = STATISTIC.fullmatch(name)
    if not found:
        return _spell(name)
    return f"{TITLES.get(found[1]) or _spell(found[1])}, {STATISTICS[found[2]]}"


def _spell(name: str) -> str:
    text = " ".join(SPELLED.get(word, word) for word in name.split("_"))
    return text if text[:1].isupper() or text[:3] == "kWh" else text[:1].upper() + text[1:]
