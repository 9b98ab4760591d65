"""`ups.status` as a set of tokens, and the text for each token."""

# NUT's docs/new-drivers.txt, and tokens seen besides. The order here is the order in which people read them.
STATUS_WORDS = {
    "ALARM": "alarm",
    "FSD": "forced shutdown",
    "OL": "on mains",
    "OB": "on battery",
    "LB": "battery low",
    "HB": "battery voltage too high",
    "RB": "battery to be replaced",
    "CHRG": "charging",
    "DISCHRG": "discharging",
    "BYPASS": "on bypass, not protected",
    "CAL": "calibrating its runtime",
    "TEST": "testing itself",
    "OFF": "not feeding the load",
    "OVER": "overloaded",
    "TRIM": "trimming the input voltage",
    "BOOST": "boosting the input voltage",
    "ECO": "saving energy",
    "HE": "saving energy",
    "SD": "shutting down",
    "WAIT": "no data yet",
}
WAIT = "WAIT"  # upsd has no data from the driver yet: nothing follows from it


def status_tokens(text: str | None) -> frozenset[str]:
    """The tokens of an `ups.status`, unknown ones too. Empty for WAIT, and for no status at all."""
    tokens = frozenset((text or "").split())
    return frozenset() if WAIT in tokens else tokens


def describe_status(text: str | None) -> str:
    """The status for people: 'on battery, discharging'. A token without a text stays as it is."""
    tokens = (text or "").split()
    known = [STATUS_WORDS[token] for token in STATUS_WORDS if token in tokens]
    return ", ".join(known + [token for token in tokens if token not in STATUS_WORDS])


def is_discharging(tokens: frozenset[str]) -> bool:
    """Whether a UPS with this status runs on its battery: it is then polled more often."""
    return "OB" in tokens or "DISCHRG" in tokens
