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
    "TEST_FAILED": "self-test failed",
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
    "VALUE": "beyond its limit",  # of `thresholds:`, of nodes too
    "SCHEDULED_COMMAND": "scheduled command",
    "SCHEDULED_COMMAND_FAILED": "scheduled command failed",
}
