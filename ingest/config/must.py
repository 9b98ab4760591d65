"""The section `must:` of config.yml: MUST EP20s on serial ports."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_device, check_intervals, check_name


@dataclass(frozen=True)
class MustSettings:
    """A MUST EP20 on a serial port."""

    name: str
    serial: str
    poll_s: float = 30.0
    status_s: float = 5.0

    @property
    def address(self) -> str:
        """Where it is, as text for people."""
        return f"serial {self.serial}"

    def check(self) -> Problems:
        """Yield what is wrong: the port is a device path."""
        yield from check_name(self.name)
        yield from check_device(self.serial)
        yield from check_intervals(self)
