"""The section `gateways:` of config.yml: the MySensors gateways."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_device, check_name, check_that, is_host_port
from ingest.mysensors.settings import GatewayOptions


@dataclass(frozen=True)
class GatewaySettings(GatewayOptions):
    """A MySensors gateway as config.yml gives it."""

    def check(self) -> Problems:
        """Yield what is wrong: a gateway has one address, of a form that can be opened."""
        yield from check_name(self.name)
        if (self.tcp is None) == (self.serial is None):
            yield "", "needs exactly one of tcp: HOST:PORT and serial: DEVICE"
        elif self.tcp is not None and not is_host_port(self.tcp):
            yield "tcp", f"{self.tcp!r} is not HOST:PORT, such as 192.168.1.20:5003"
        elif self.serial is not None:
            yield from check_device(self.serial)
        yield from check_that(
            self.baudrate > 0,
            "baudrate",
            "has to be more than 0; MySensors gateways use 115200 unless built otherwise",
        )
        yield from check_that(
            self.repeat_window_s >= 0, "repeat_window_s", "has to be 0 (off) or more seconds"
        )
