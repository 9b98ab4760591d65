"""What a UPS does now and how long it would carry its load, as sentences: of a row of ups_overview. Pure."""

from collections.abc import Sequence

from ingest.ups.status import LOW_WORDS, STATUS, status_tokens
from reporting.canned_queries import Row
from reporting.formatting import NARROW_SPACE, format_figure, format_length
from reporting.power_flow import Feed, feed_of

FULL = 100.0  # % of charge
PRECISE_S = 120  # a shorter time has its seconds
NO_BREAK_SPACE = "\u00a0"


def whole_minutes(seconds: float) -> str:
    """A length for a sentence: in whole minutes from two on, never broken into two lines."""
    return format_length(seconds if seconds < PRECISE_S else seconds // 60 * 60).replace(" ", NO_BREAK_SPACE)


def describe_ups(ups: Row) -> str:
    """One to three sentences: what feeds the load, in which state the battery is, how long it lasts."""
    if ups["state"] == "No data":
        return "It has not answered yet."
    if not ups["configured"]:
        return "It is not in the config any more."
    if ups["state"] == "Stale":
        return f"No data for {whole_minutes(ups['age_s'])}. {_before_silence(ups)}"
    feed = feed_of(ups)
    sentences = [*_dangers(ups, feed), _present_state(ups, feed)]
    if feed is not Feed.OFF:
        sentences.append(_time_left(ups) if feed is Feed.BATTERY else _capacity(ups))
    return " ".join(filter(None, sentences))


def _before_silence(ups: Row) -> str:
    if not ups["on_battery_since"]:
        words = status_tokens(ups["status"])
        return "It was on mains when it was last heard." if "OL" in words and "OB" not in words else ""
    left = f", with {_about(ups)} left" if ups["battery_runtime"] is not None else ""
    return f"It was on battery when it was last heard{left}."


def _dangers(ups: Row, feed: Feed) -> list[str]:
    words = status_tokens(ups["status"])
    found = []
    if "FSD" in words or "SD" in words:
        found.append("It is shutting down.")
    if "OVER" in words:
        load = "" if ups["ups_load"] is None else f": {_percent(ups['ups_load'])} of its rating"
        found.append(f"Overloaded{load}.")
    elif feed is Feed.BATTERY and (words & LOW_WORDS or ups["state"] == "Critical"):
        found.append("Battery low.")
    return found


def _present_state(ups: Row, feed: Feed) -> str:
    words = status_tokens(ups["status"])
    if feed is Feed.BATTERY:
        return (
            f"On battery for {whole_minutes(ups['last_outage_s'])}."
            if ups["on_battery_since"]
            else "On battery."
        )
    if feed is Feed.TEST:
        return (
            "Calibrating its runtime; the mains is there."
            if "CAL" in words
            else "Testing its battery; the mains is there."
        )
    if feed is Feed.OFF:
        return "Its output is off: nothing is fed."
    if feed is Feed.BYPASS:
        return "On bypass: its load is not protected."
    if feed is Feed.UNKNOWN:
        return "Whether it is on mains is not known."
    return f"On mains{_battery_state(ups)}."


def _battery_state(ups: Row) -> str:
    words, charge = status_tokens(ups["status"]), ups["battery_charge"]
    if "NOBATT" in words:
        return ", without a battery"
    if "RB" in words or STATUS["RB"].text in (ups["reason"] or ""):
        return ", but its battery is to be replaced"
    if charge is None:
        return ", charging" if "CHRG" in words else ""
    about = "about " if ups["charge_basis"] else ""
    if charge >= FULL:
        return ", battery full"
    return (
        f", charging: {about}{_percent(charge)}"
        if "CHRG" in words
        else f", battery at {about}{_percent(charge)}"
    )


def _time_left(ups: Row) -> str:
    if ups["battery_runtime"] is not None:
        return f"{_about(ups)} left.".capitalize() if ups["runtime_basis"] else f"{_about(ups)} left."
    if ups["battery_charge"] is not None:
        return f"How long it lasts is not reported; {_percent(ups['battery_charge'])} of charge left."
    return "How long it lasts is not reported."


def _capacity(ups: Row) -> str:
    if "NOBATT" in status_tokens(ups["status"]):
        return "It cannot carry its load."
    if ups["battery_runtime"] is None:
        return "How long it would carry this load is not reported."
    return f"It would carry this load for {_about(ups)}."


def _about(ups: Row) -> str:
    """The runtime, as an estimate where it is one."""
    return ("about " if ups["runtime_basis"] else "") + whole_minutes(ups["battery_runtime"])


def _percent(value: float) -> str:
    return format_figure(value, "%").replace(NARROW_SPACE, NO_BREAK_SPACE)


def describe_battery(ups: Row, feed: Feed, charger: str, charge_start: float | None) -> str:
    """What the battery does: `Floating`, `Discharging, 1.2 % a minute`, empty where nothing says so.

    `charger` is battery.charger.status as sent, `charge_start` the charge when the present outage began.
    """
    charge, passed = ups["battery_charge"], ups["last_outage_s"]
    if feed is Feed.BATTERY:
        if ups["on_battery_since"] and charge is not None and charge_start and passed and passed >= PRECISE_S:
            rate = (charge_start - charge) / (passed / 60)
            return f"Discharging, {rate:.1f}{NARROW_SPACE}% a minute" if rate > 0 else "Discharging"
        return "Discharging"
    full = "Full" if charge is not None and charge >= FULL else ""
    text = charger.strip().capitalize() or ("Charging" if "CHRG" in status_tokens(ups["status"]) else full)
    basis = f"charge {ups['charge_basis']}" if ups["charge_basis"] else ""
    return ", ".join(filter(None, (text, basis)))


def power_in(ups: Row, feed: Feed, measured: float | None) -> tuple[float, str] | None:
    """W that the mains feeds in, and how that is known; None where it is not.

    `measured` is input.realpower. Without it the efficiency that the UPS reports leads to it.
    """
    if feed not in (Feed.MAINS, Feed.BYPASS):
        return None
    if measured is not None:
        return measured, "as it measures"
    efficiency = ups["ups_efficiency"]
    if ups["watts"] is not None and efficiency and efficiency <= FULL:
        return ups["watts"] / efficiency * 100, f"estimated: out ÷ {efficiency / 100:.2f}"
    return None


def describe_upses(upses: Sequence[Row]) -> str:
    """What feeds the loads of all UPSes, and which battery would be empty first."""
    if len(upses) == 1:
        return describe_ups(upses[0])
    feeds = [(ups, feed_of(ups)) for ups in upses]
    on_battery = [ups for ups, feed in feeds if feed is Feed.BATTERY]
    on_mains = [ups for ups, feed in feeds if feed is Feed.MAINS]
    counted, words = (on_battery, "on battery") if on_battery else (on_mains, "on mains")
    every = "both" if len(upses) == 2 else f"all {len(upses)}"
    if len(counted) == len(upses):
        sentence = f"{every.capitalize()} UPSes are {words}."
    elif counted:
        sentence = f"{len(counted)} of {len(upses)} UPSes {'is' if len(counted) == 1 else 'are'} {words}."
    else:
        sentence = f"Of {every} UPSes none is known to be on mains."
    return f"{sentence} {_first_to_go(counted, bool(on_battery))}".strip()


def _first_to_go(upses: Sequence[Row], now: bool) -> str:
    known = [ups for ups in upses if ups["battery_runtime"] is not None]
    if not known:
        return "None of them reports a runtime." if upses else ""
    first = min(known, key=lambda ups: float(ups["battery_runtime"]))
    if now:
        return f"{first['label']} has {_about(first)} left."
    return f"{first['label']} would be the first to go, after {_about(first)}."
