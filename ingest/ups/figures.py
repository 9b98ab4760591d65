"""The standard figures of a UPS: which variables make a sample, and which tell what the device is."""

from ingest.ups.records import Variables

# A sample's columns, by NUT's names; the dot becomes an underscore. Units: V, Hz, A, %, s, degrees C, W, VA.
FIGURES = (
    "input.voltage",
    "input.frequency",
    "output.voltage",
    "output.frequency",
    "output.current",
    "battery.charge",
    "battery.voltage",
    "battery.current",
    "battery.runtime",
    "battery.temperature",
    "ups.load",
    "ups.realpower",
    "ups.power",
    "ups.temperature",
    "ups.efficiency",
)
RATINGS = ("ups.realpower.nominal", "ups.power.nominal", "output.powerfactor", "input.voltage.nominal")
# Column of `ups` -> the variables that it is taken from, the first one that has a text.
IDENTITY = {
    "mfr": ("device.mfr", "ups.mfr"),
    "model": ("device.model", "ups.model"),
    "serial": ("device.serial", "ups.serial"),
    "firmware": ("ups.firmware",),
}


def column(variable: str) -> str:
    """`battery.charge` as the name of a column."""
    return variable.replace(".", "_")


def find_identity(variables: Variables) -> dict[str, str | None]:
    """Column of IDENTITY -> text, None where no variable has one."""
    found: dict[str, str | None] = dict.fromkeys(IDENTITY)
    for name, choices in IDENTITY.items():
        for choice in choices:
            if variables.get(choice):
                found[name] = variables[choice]
                break
    return found
