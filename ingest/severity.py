"""How serious each state and event is: the one table, for pages, `attention`, metrics and whatever tells
people.

`Critical`: what is fed is about to lose its power, or has. `Warning`: somebody should look at it.
"""

from enum import StrEnum


class Severity(StrEnum):
    """What pages show; the order is that of `RANK`."""

    CRITICAL = "Critical"
    WARNING = "Warning"
    OK = "OK"


RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.OK: 2}
EVENT_SEVERITY = {
    "FSD": Severity.CRITICAL,
    "LOWBATT": Severity.CRITICAL,
    "OVER": Severity.CRITICAL,
    "ONBATT": Severity.WARNING,
    "COMMBAD": Severity.WARNING,
    "REPLBATT": Severity.WARNING,
    "OFF": Severity.WARNING,
    "BYPASS": Severity.WARNING,
    "ALARM": Severity.WARNING,
    "VOLTAGE": Severity.WARNING,
    "INPUT_LOW": Severity.WARNING,
    "CHARGE_LOW": Severity.WARNING,
    "HOT": Severity.WARNING,
    "LOAD_HIGH": Severity.WARNING,
    "PHASE_LOST": Severity.WARNING,
    "AMBIENT": Severity.WARNING,
    "GATEWAY_LOST": Severity.CRITICAL,
    "NODE_LOCKED": Severity.WARNING,
    "NODE_SILENT": Severity.WARNING,
    "NODE_BATTERY_LOW": Severity.WARNING,
    "BATTERY_DUE": Severity.WARNING,
    "OTA_FAILED": Severity.WARNING,
    "CLOCK_STEP": Severity.WARNING,
    "DISK_LOW": Severity.CRITICAL,
    "TEST_FAILED": Severity.WARNING,
    "SCHEDULED_COMMAND_FAILED": Severity.WARNING,
    "VALUE": Severity.WARNING,
    "INGEST_DOWN": Severity.CRITICAL,
    "SITE_DOWN": Severity.WARNING,
    "BACKUP_FAILED": Severity.WARNING,
    "DATABASE_DAMAGED": Severity.CRITICAL,
    "DATABASE_REPLACED": Severity.CRITICAL,
    "IDS_SHORT": Severity.WARNING,
    "STRANGE_MESSAGES": Severity.WARNING,
    "ROLLOUT_STOPPED": Severity.WARNING,
    "CLOCK_SUSPECT": Severity.CRITICAL,
    "TARGET_FAILING": Severity.WARNING,
    "PART_DIES": Severity.CRITICAL,
    "PLAN_STEP_FAILED": Severity.WARNING,
}
# States of the reader of a source, as in `ingest_status`; any other is that of a source that is lost.
SOURCE_SEVERITY = {
    "connected": Severity.OK,
    "connecting": Severity.WARNING,
    "silent": Severity.WARNING,
}
SOURCE_LOST = Severity.CRITICAL
CLOCK_SUSPECT = Severity.CRITICAL  # what is recorded bears a time that may be wrong, and nothing is pruned
FILE_DAMAGED = Severity.CRITICAL
FINDING = Severity.WARNING  # strange messages, unreadable lines, orders that failed, firmware in question
CRITICAL_RUNTIME_S = 300  # on battery with less than this left, or below the device's own limit, is critical


def event_severity(event: str) -> Severity:
    """The severity of an event; OK for those that are routine (TEST, CAL, TRIM, BOOST, INPUT_SOURCE ...)."""
    return EVENT_SEVERITY.get(event, Severity.OK)
