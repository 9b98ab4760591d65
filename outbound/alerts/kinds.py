"""What is sent of each event: whether by default, how soon, with an end, and which words say it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ingest.event_names import EVENT_NAMES


@dataclass(frozen=True)
class EventKind:
    """How an event is sent.

    An event shorter than `default_after_s` seconds is not sent where no rule says otherwise. `sends_end`: it
    lasts, so that its end is sent, too; others are moments. `words` follow the name of what it is about,
    `end_words` are the same for its end. `repeats`: sent again while it goes on and is critical.
    `in_defaults`: sent to every target where there are no rules.
    """

    event: str
    words: str
    end_words: str = ""
    default_after_s: float = 0.0
    in_defaults: bool = True
    sends_end: bool = True
    repeats: bool = True


def _lasting(event: str, words: str, end_words: str, in_defaults: bool = True) -> EventKind:
    return EventKind(event, words, end_words, in_defaults=in_defaults)


def _moment(event: str, words: str, in_defaults: bool = True) -> EventKind:
    return EventKind(event, words, in_defaults=in_defaults, sends_end=False, repeats=False)


_KINDS = (
    _lasting("VALUE", "value beyond its limit", "value within its limit again"),
    # UPSes
    _lasting("ONBATT", "on battery", "power is back"),
    _lasting("LOWBATT", "battery low", "battery no longer low"),
    _lasting("FSD", "forced shutdown", "forced shutdown is over"),
    _lasting("REPLBATT", "battery to be replaced", "battery no longer to be replaced"),
    _lasting("TEST_FAILED", "self-test failed", "self-test passed again"),
    _lasting("OVER", "overloaded", "no longer overloaded"),
    _lasting("LOAD_HIGH", "load high", "load normal again"),
    _lasting("HOT", "too hot", "temperature normal again"),
    _lasting("AMBIENT", "surroundings out of limits", "surroundings within limits again"),
    _lasting("VOLTAGE", "input voltage out of range", "input voltage in range again"),
    _lasting("INPUT_LOW", "input voltage low", "input voltage normal again"),
    _lasting("PHASE_LOST", "a phase of the input lost", "all phases are back"),
    _lasting("CHARGE_LOW", "charge low", "charge no longer low"),
    _lasting("COMMBAD", "no data", "data is back"),
    _lasting("OFF", "not feeding the load", "feeding the load again"),
    _lasting("BYPASS", "on bypass, not protected", "no longer on bypass"),
    _lasting("ALARM", "alarm", "alarm is over"),
    _lasting("TEST", "self-test", "self-test is over", in_defaults=False),
    _lasting("CAL", "calibrating its runtime", "calibration is over", in_defaults=False),
    _lasting("TRIM", "trimming the input voltage", "no longer trimming", in_defaults=False),
    _lasting("BOOST", "boosting the input voltage", "no longer boosting", in_defaults=False),
    _moment("INPUT_SOURCE", "fed by another input", in_defaults=False),
    _moment("SCHEDULED_COMMAND", "scheduled command", in_defaults=False),
    _moment("SCHEDULED_COMMAND_FAILED", "scheduled command failed"),
    # Nodes and gateways
    _lasting("NODE_SILENT", "silent", "heard again"),
    _lasting("NODE_BATTERY_LOW", "battery low", "battery no longer low"),
    _lasting("BATTERY_DUE", "battery empty soon", "battery no longer empty soon"),
    _lasting("NODE_LOCKED", "locked", "unlocked"),
    _moment("NODE_BACK", "back in use", in_defaults=False),
    _moment("OTA_FAILED", "firmware update failed"),
    _moment("OTA_CONFIRMED", "runs new firmware"),
    _moment("ROLLOUT_STOPPED", "rollout stopped"),
    _lasting("GATEWAY_LOST", "no contact", "contact is back"),
    _lasting("IDS_SHORT", "few node ids left", "node ids are free again"),
    _lasting("STRANGE_MESSAGES", "strange messages", "no more strange messages"),
    # This machine
    _lasting("INGEST_DOWN", "nothing is recorded", "recording again"),
    _lasting("SITE_DOWN", "does not answer", "answers again"),
    _lasting("PART_DIES", "ends again and again", "keeps running again"),
    _lasting("TARGET_FAILING", "cannot be reached", "reached again"),
    _lasting("DISK_LOW", "short of space", "has space again"),
    _lasting("BACKUP_FAILED", "failed", "works again"),
    _lasting("DATABASE_DAMAGED", "damaged", "no longer damaged"),
    _moment("DATABASE_REPLACED", "replaced by another file"),
    _lasting("CLOCK_SUSPECT", "may be wrong", "right again"),
    _moment("CLOCK_STEP", "was set", in_defaults=False),
    _moment("PLAN_STEP_FAILED", "step failed"),
)
KNOWN_EVENTS: Mapping[str, EventKind] = MappingProxyType({kind.event: kind for kind in _KINDS})

assert set(KNOWN_EVENTS) == set(EVENT_NAMES), set(KNOWN_EVENTS) ^ set(EVENT_NAMES)


# Where the words need what they are about, for sentences without its name.
_ALONE = {
    "LOWBATT": "UPS battery low",
    "COMMBAD": "no data of a UPS",
    "ALARM": "alarm of a UPS",
    "NODE_SILENT": "node silent",
    "NODE_BATTERY_LOW": "node battery low",
    "BATTERY_DUE": "node battery empty soon",
    "NODE_LOCKED": "node locked",
    "NODE_BACK": "node back in use",
    "OTA_CONFIRMED": "new firmware confirmed",
    "GATEWAY_LOST": "no contact to a gateway",
    "SITE_DOWN": "the site does not answer",
    "BACKUP_FAILED": "backup failed",
    "PART_DIES": "a part of Voltkeeper ends again and again",
    "TARGET_FAILING": "a target cannot be reached",
    "DISK_LOW": "disk short of space",
    "DATABASE_DAMAGED": "database damaged",
    "DATABASE_REPLACED": "database replaced by another file",
    "CLOCK_SUSPECT": "clock may be wrong",
    "CLOCK_STEP": "clock was set",
    "PLAN_STEP_FAILED": "a step of an outage plan failed",
}


def words_alone(event: str) -> str:
    """The words of an event for a sentence that does not name what it is about: `node silent`."""
    return _ALONE.get(event) or event_kind(event).words


def event_kind(event: str) -> EventKind:
    """The kind of an event; one that is not known is a moment that is sent only where a rule names it."""
    words = event.replace("_", " ").lower()
    return KNOWN_EVENTS.get(event) or _moment(event, words, in_defaults=False)
