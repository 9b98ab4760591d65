"""`ups.status` as a set of words, what each means, and how serious it is."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ingest.severity import RANK, Severity


class StatusWord(NamedTuple):
    """The text of a word for people, and its severity."""

    text: str
    severity: Severity = Severity.OK


# NUT's docs/new-drivers.txt, and words that drivers send besides; in the order in which people read them. In
# 719 devices of NUT's device dump library: OL 679, CHRG 131, OB 26, DISCHRG 14, OFF 14, ALARM 14, LB 10,
# TRIM 9, BYPASS 8, BOOST 7, RB 6, FSD 3, OVER 2, HB 2, HE 1, CAL 1. The others are set by drivers of NUT 2.8.
STATUS = {
    "ALARM": StatusWord("alarm", Severity.WARNING),
    "FSD": StatusWord("forced shutdown", Severity.CRITICAL),
    "SD": StatusWord("shutting down", Severity.CRITICAL),
    "OL": StatusWord("on mains"),
    "!OL": StatusWord("not on mains", Severity.WARNING),
    "OB": StatusWord("on battery", Severity.WARNING),
    "ACFAIL": StatusWord("mains failed", Severity.WARNING),
    "LB": StatusWord("battery low", Severity.WARNING),
    "DEPLETED": StatusWord("battery empty", Severity.WARNING),
    "HB": StatusWord("battery voltage too high", Severity.WARNING),
    "RB": StatusWord("battery to be replaced", Severity.WARNING),
    "NOBATT": StatusWord("no battery", Severity.WARNING),
    "CHRG": StatusWord("charging"),
    "DISCHRG": StatusWord("discharging"),
    "BYPASS": StatusWord("on bypass, not protected", Severity.WARNING),
    "CAL": StatusWord("calibrating its runtime"),
    "TEST": StatusWord("testing itself"),
    "TIP": StatusWord("test in progress"),
    "OFF": StatusWord("not feeding the load", Severity.WARNING),
    "OVER": StatusWord("overloaded", Severity.CRITICAL),
    "OVERHEAT": StatusWord("too hot", Severity.WARNING),
    "COMMFAULT": StatusWord("no contact with the device", Severity.WARNING),
    "TRIM": StatusWord("trimming the input voltage"),
    "BOOST": StatusWord("boosting the input voltage"),
    "ECO": StatusWord("saving energy"),
    "HE": StatusWord("saving energy"),
    "WAIT": StatusWord("no data yet"),
}
WAIT = "WAIT"  # upsd has no data from the driver yet: nothing follows from it
LOW_WORDS = frozenset(("LB", "DEPLETED"))
TEST_WORDS = frozenset(("TEST", "TIP"))
NO_STATUS = "status not reported"
NO_MAINS = "whether on mains or battery is not reported"
CONTRADICTION = "a contradiction: both on mains and on battery"


@lru_cache(maxsize=256)
def status_tokens(text: str | None) -> frozenset[str]:
    """The words of an `ups.status`, unknown ones too. Empty for WAIT, and for no status at all."""
    tokens = frozenset((text or "").upper().split())
    return frozenset() if WAIT in tokens else tokens


@lru_cache(maxsize=256)
def unknown_words(text: str) -> tuple[str, ...]:
    """The words of an `ups.status` that are not in STATUS, in their order: nothing follows from them."""
    return tuple(word for word in dict.fromkeys(text.split()) if word not in STATUS)


def describe_unknown(words: Sequence[str]) -> str:
    """What is said of words of a status that are not known."""
    return f"not known, shown as sent, nothing follows from it: {', '.join(words)}"


def is_on_battery(tokens: frozenset[str]) -> bool:
    """Whether the words say that the UPS is on battery. OL besides makes it a contradiction."""
    return "OB" in tokens or ("ACFAIL" in tokens and "OL" not in tokens)


def describe_status(text: str | None) -> str:
    """The status for people: 'on battery, discharging'. A word without a text stays as it is.

    A status that says both that the UPS is on mains and that it is not, or neither, is named as such.
    """
    tokens = (text or "").split()
    if not tokens:
        return NO_STATUS
    known = [STATUS[token].text for token in STATUS if token in tokens]
    unknown = [*unknown_words(text or "")]
    notes = []
    if "OL" in tokens and ("OB" in tokens or "!OL" in tokens):
        notes = [CONTRADICTION]
    elif WAIT not in tokens and not {"OL", "OB", "OFF", "!OL", "ACFAIL"}.intersection(tokens):
        notes = [NO_MAINS]
    return ", ".join(known + unknown + notes)


def status_severity(text: str | None, is_test: bool = False) -> Severity:
    """The severity of a status by its words alone. `is_test`: a battery test makes it OB.

    On battery with LB is critical. Neither OL nor OB, or both, is a warning: what feeds the load is not
    known.
    """
    tokens = status_tokens(text)
    if not tokens:
        return Severity.OK
    found = [
        STATUS[token].severity for token in tokens if token in STATUS and not (is_test and token == "OB")
    ]
    if is_on_battery(tokens) and "OL" not in tokens and not is_test and tokens & LOW_WORDS:
        found.append(Severity.CRITICAL)
    if ("OL" in tokens) == ("OB" in tokens):
        found.append(Severity.WARNING)
    return min(found, key=RANK.__getitem__, default=Severity.OK)


def is_discharging(tokens: frozenset[str], discharging_is_outage: bool = False) -> bool:
    """Whether a UPS with this status may be in an outage: it is then polled more often.

    `OL DISCHRG` on mains is usual for many models: it counts only for a UPS that never says OB.
    """
    return is_on_battery(tokens) or (discharging_is_outage and "DISCHRG" in tokens)
