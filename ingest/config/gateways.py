"""The section `gateways:` of config.yml: the MySensors gateways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.config.checks import Problems, check_device, check_name, check_that, is_host_port
from ingest.config.mqtt import check_prefix
from ingest.mysensors.peers import parse_network, split_listen
from ingest.mysensors.settings import GatewayOptions

Topics = tuple[str, str, str]  # key of the config, name of the broker, prefix


@dataclass(frozen=True)
class GatewaySettings(GatewayOptions):
    """A MySensors gateway as config.yml gives it."""

    def check(self) -> Problems:
        """Yield what is wrong: a gateway has one address, of a form that can be opened."""
        yield from check_name(self.name)
        ways = (self.tcp, self.serial, self.listen, self.mqtt)
        if len(ways) - ways.count(None) != 1:
            yield (
                "",
                "needs exactly one of tcp: HOST:PORT and serial: DEVICE, or listen: ADDRESS:PORT, mqtt: NAME",
            )
        elif self.tcp is not None and not is_host_port(self.tcp):
            yield "tcp", f"{self.tcp!r} is not HOST:PORT, such as 192.168.1.20:5003"
        elif self.serial is not None:
            yield from check_device(self.serial)
        elif self.listen is not None:
            yield from self._check_listen(self.listen)
        yield from self._check_topics()
        yield from check_that(
            self.listen is not None or not self.sources,
            "from",
            "is for a gateway that dials in (listen:): remove it",
        )
        yield from check_that(
            self.baudrate > 0,
            "baudrate",
            "has to be more than 0; MySensors gateways use 115200 unless built otherwise",
        )
        yield from check_that(
            self.repeat_window_s >= 0, "repeat_window_s", "has to be 0 (off) or more seconds"
        )

    def _check_topics(self) -> Problems:
        """By MQTT, and only there, a gateway has a prefix of topics for each direction."""
        prefixes = (("publish", self.publish, "PUBLISH"), ("subscribe", self.subscribe, "SUBSCRIBE"))
        for key, prefix, macro in prefixes:
            if self.mqtt is None:
                yield from check_that(prefix is None, key, "is for a gateway with mqtt: remove it")
            elif prefix is not None:
                yield from check_prefix(key, prefix)
            elif self.controller or key == "publish":
                yield key, f"is missing, and needed: the gateway's MY_MQTT_{macro}_TOPIC_PREFIX"
        if self.mqtt is not None and self.publish and f"{self.subscribe}/".startswith(f"{self.publish}/"):
            yield "subscribe", "is below publish: what is sent to the gateway would come back"

    def _check_listen(self, listen: str) -> Problems:
        """An address of this machine to listen on, and addresses that may dial in."""
        try:
            split_listen(listen)
        except ValueError:
            yield "listen", f"{listen!r} is not ADDRESS:PORT, such as 0.0.0.0:5003 or [::]:5003"
        for text in self.sources:
            try:
                parse_network(text)
            except ValueError as error:
                yield (
                    "from",
                    f"{text!r} is neither an address nor a network, such as 192.168.1.20 or 192.168.1.0/24: "
                    f"{error}",
                )


def check_topics_apart(gateways: Sequence[GatewayOptions], ours: Sequence[Topics]) -> Problems:
    """What is read of a gateway by MQTT comes from it alone. `ours` are topics of other sections."""
    for reader in gateways:
        if reader.mqtt is None or reader.publish is None:
            continue
        others = [topics for one in gateways if one is not reader for topics in _topics_of(one)]
        for where, broker, prefix in (*others, *ours):
            if broker == reader.mqtt and f"{prefix}/".startswith(f"{reader.publish}/"):
                yield (
                    where,
                    f"{prefix} is not apart from {reader.publish} of the gateway {reader.name}: what is "
                    "published there would be taken for its messages",
                )


def _topics_of(gateway: GatewayOptions) -> Iterator[Topics]:
    for key, prefix in (("publish", gateway.publish), ("subscribe", gateway.subscribe)):
        if gateway.mqtt is not None and prefix is not None:
            yield f"gateways[{gateway.name}].{key}", gateway.mqtt, prefix
