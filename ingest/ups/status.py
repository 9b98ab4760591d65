"""`ups.status` as a set of words, and what each word says to people."""

# NUT's docs/new-drivers.txt, and words seen besides. The order here is the order in which people read them.
STATUS_WORDS = {
    "ALARM": "alarm",
    "FSD": "shutting down on order",
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
    "TRIM": "lowering the mains voltage",
    "BOOST": "raising the mains voltage",
    "ECO": "saving energy",
    "HE": "saving energy",
    "SD": "shutting down",
    "WAIT": "no data yet",
}
WAIT = "WAIT"  # upsd has heard nothing from the driver yet: nothing follows from it


def status_tokens(text):
    """The words of an `ups.status`, unknown ones too. Empty where it says nothing: WAIT, or no status at all."""
    words = frozenset((text or "").split())
    return frozenset() if WAIT in words else words


def describe_status(text):
    """The status for people: 'on battery, discharging'. A word that nobody explains stays as it is."""
    words = (text or "").split()
    known = [word for word in STATUS_WORDS if word in words]
    return ", ".join(
        [STATUS_WORDS[word] for word in known] + [word for word in words if word not in STATUS_WORDS]
    )


def is_discharging(words):
    """Whether a UPS with these words runs on its battery, whatever the reason: it is then asked more often."""
    return "OB" in words or "DISCHRG" in words
