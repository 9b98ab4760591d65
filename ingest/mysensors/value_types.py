"""What the payload of each V_ type is: a number, a text, a colour; by the type, not by its looks. Pure.

After `core/MyMessage.h` of the MySensors library (2.3.2) and its serial API: `6e1139` is a colour where the
type is V_RGB, the id of a chip where it is V_ID, and a number of kilowatt-hours where it is V_KWH.
"""

import re
from enum import Enum

from ingest.mysensors.protocol import SetReq, parse_number


class ValueKind(Enum):
    """How payloads of a type are read."""

    NUMBER = "number"  # a measurement, a state (0 or 1), a setting
    TEXT = "text"
    COLOUR = "colour"  # RRGGBB or RRGGBBWW in hex
    FREE = "free"  # the sketch decides: V_VAR1 to 5, and types that the library does not know


COLOUR_DIGITS = {SetReq.V_RGB: 6, SetReq.V_RGBW: 8}
_TEXTS = (
    "FORECAST HVAC_FLOW_STATE HVAC_SPEED IR_SEND IR_RECEIVE ID UNIT_PREFIX HVAC_FLOW_MODE TEXT CUSTOM "
    "POSITION IR_RECORD MULTI_MESSAGE"
)
_FREE = "VAR1 VAR2 VAR3 VAR4 VAR5"
KINDS: dict[int, ValueKind] = {
    **dict.fromkeys(SetReq, ValueKind.NUMBER),
    **{SetReq[f"V_{name}"]: ValueKind.TEXT for name in _TEXTS.split()},
    **{SetReq[f"V_{name}"]: ValueKind.FREE for name in _FREE.split()},
    **dict.fromkeys(COLOUR_DIGITS, ValueKind.COLOUR),
}
NUMBERS = frozenset(type for type, kind in KINDS.items() if kind is ValueKind.NUMBER)
# A counter or a measurement; leading zeros, an exponent or more digits than a float holds are those of an id.
FREE_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.\d{0,9})?", re.ASCII)


def value_kind(type: int) -> ValueKind:
    """The kind of a V_ type."""
    return KINDS.get(type, ValueKind.FREE)


def parse_value(type: int, text: str) -> float | None:
    """The number that a payload of this type is, else None.

    Blanks around it are those of `dtostrf`, which pads to a width.
    """
    if type in NUMBERS:
        return parse_number(text.strip(" "))
    if value_kind(type) is ValueKind.FREE and FREE_NUMBER.fullmatch(text.strip(" ")):
        return parse_number(text.strip(" "))
    return None


def parse_colour(symbol: str, text: str) -> str | None:
    """`#rrggbb` of a V_RGB or V_RGBW payload; None for other types, and where it is no colour."""
    digits = COLOUR_DIGITS.get(SetReq.__members__.get(symbol, SetReq.V_TEXT))
    colour = text.strip().removeprefix("#").lower()
    if digits is None or len(colour) != digits or not re.fullmatch("[0-9a-f]+", colour):
        return None
    return f"#{colour[:6]}"
