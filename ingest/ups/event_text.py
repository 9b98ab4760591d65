"""The text for each event of a UPS. The names are upsmon's; those from VOLTAGE on are ours."""

EVENT_WORDS = {
    "ONBATT": "on battery",
    "LOWBATT": "battery low",
    "REPLBATT": "battery to be replaced",
    "OVER": "overloaded",
    "COMMBAD": "no data",
    "FSD": "forced shutdown",
    "OFF": "not feeding the load",
    "BYPASS": "on bypass, not protected",
    "ALARM": "alarm",
    "CAL": "calibrating its runtime",
    "TEST": "self-test",
    "TRIM": "trimming the input voltage",
    "BOOST": "boosting the input voltage",
    "VOLTAGE": "input voltage out of range",
    "INPUT_LOW": "input voltage low",
    "CHARGE_LOW": "charge low",
    "HOT": "too hot",
    "LOAD_HIGH": "load high",
    "PHASE_LOST": "a phase of the input lost",
    "INPUT_SOURCE": "fed by another input",
    "AMBIENT": "surroundings out of limits",
}
# While one of these is open, the UPS needs attention; the status itself shows the others.
ATTENTION_EVENTS = (
    "REPLBATT",
    "ALARM",
    "OVER",
    "VOLTAGE",
    "INPUT_LOW",
    "PHASE_LOST",
    "CHARGE_LOW",
    "HOT",
    "AMBIENT",
    "LOAD_HIGH",
)
