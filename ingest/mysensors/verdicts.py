"""Whether a reading counts: what live messages, imports and `ingest/recompute` ask alike. Pure.

A reading that is impossible, or that a sensor reports in place of one, is `wrong`: it stays where it was
stored, and out of all figures. One that is merely unusual counts, and is an oddity.
"""

from typing import NamedTuple

from ingest.mysensors.anomalies import ANYTHING, JUMPING, POSSIBLE, WARM_UP, WITHOUT_RANGE, UsualRange
from ingest.mysensors.protocol import SetReq
from ingest.mysensors.sensor_errors import ERROR_CODES, MEASURED, NO_READING, ErrorCode
from ingest.mysensors.value_types import parse_value

BY_HAND = "by hand"  # `readings.wrong` where a user said so
NO_CODES: dict[float, ErrorCode] = {}


class Verdict(NamedTuple):
    """`wrong`: why a reading does not count, or None. `odd`: why it is an oddity where it counts, or None.

    `doubts`: it shows that all readings before it, which were equal, were errors.
    """

    wrong: str | None = None
    odd: str | None = None
    doubts: bool = False


COUNTS = Verdict()


def always_counts(type: int, text: str) -> bool:
    """Whether such a reading counts, whatever its channel has shown so far."""
    if type not in MEASURED:
        return True
    number = parse_value(type, text)
    low, high = POSSIBLE.get(type, ANYTHING)
    return number is not None and low <= number <= high and number not in ERROR_CODES[type]


class ReadingRule:
    """The rule of one channel; it holds what the readings have shown so far.

    `last` is the last number that counted.
    """

    __slots__ = ("_codes", "_has_usual_range", "_limits", "_type", "is_measured", "last", "usual")

    def __init__(self, type: int, type_name: str, usual: UsualRange, last: float | None = None) -> None:
        self._type, self.usual, self.last = type, usual, last
        self.is_measured = type in MEASURED
        self._has_usual_range = type_name not in WITHOUT_RANGE
        self._codes = ERROR_CODES.get(type, NO_CODES)
        self._limits = POSSIBLE.get(type, ANYTHING)

    @property
    def is_needed(self) -> bool:
        """False for types whose readings all count and are never odd."""
        return self.is_measured or self._has_usual_range

    def takes(self, number: float | None) -> bool:
        """Take the next reading where it is like those before it; False, with nothing changed: `assess` it.

        Nearly all readings are: this is the short way for them.
        """
        codes, usual, (low, high) = self._codes, self.usual, self._limits
        if number is None or number in codes or not low <= number <= high:
            return False
        if usual.spread == 0.0 and usual.value in codes:
            return False  # it may show that those before were errors
        if self._has_usual_range and not usual.takes(number):
            return False
        self.last = number
        return True

    def assess(self, number: float | None, text: str, sensor_type: int | None = None) -> Verdict:
        """The verdict on the next reading, `number` where it is one; `sensor_type` is the S_ type."""
        if number is None:
            return self._assess_text(text)
        low, high = self._limits
        if not low <= number <= high:
            name = SetReq(self._type).name
            return Verdict(f"{text} is impossible for {name}: {low:.10g} to {high:.10g} is possible")
        usual = self.usual
        code = self._codes.get(number)
        if (
            code is not None
            and code.is_of(sensor_type)
            and code.is_error(number, usual.value, usual.spread, self.last)
        ):
            return Verdict(f"{text} is {code.source}: the reading before was {self.last:.10g}")
        doubts = usual.spread == 0.0 and self._doubts(number, sensor_type)
        if doubts:
            usual.forget()
        self.last = number
        if not self._has_usual_range:
            return COUNTS
        before = usual.value
        if usual.assess(number) and before is not None and self._type not in JUMPING:
            return Verdict(odd=f"{text} is far outside the usual range, about {before:.4g}")
        return Verdict(doubts=True) if doubts else COUNTS

    def _assess_text(self, text: str) -> Verdict:
        if not self.is_measured:
            are_usual = self._has_usual_range and self.usual.count >= WARM_UP
            return Verdict(odd=f"{text!r} where numbers are usual") if are_usual else COUNTS
        if NO_READING.fullmatch(text):
            return Verdict(
                f"{text!r} is no reading: the sensor did not answer" if text else "empty: no reading"
            )
        if self.last is not None:
            return Verdict(f"{text!r} where numbers are usual")
        return COUNTS

    def _doubts(self, number: float, sensor_type: int | None) -> bool:
        """Whether this reading shows that those before, all one and the same error code, were errors."""
        held = self.usual.value
        code = self._codes.get(held) if held is not None else None
        if held is None or code is None or not code.is_of(sensor_type):
            return False
        return code.is_error(held, number, 0.0, number)
