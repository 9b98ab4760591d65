"""What Home Assistant is told of a site: a message for each device. Pure.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload: the message of a device is retained
at PREFIX/device/ID/config.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outbound.mqtt.home_assistant.entities import AnnouncedDevice, Content, device_message
from outbound.mqtt.home_assistant.node_devices import gateway_device, node_device, site_device
from outbound.mqtt.home_assistant.ups_entities import ups_device
from outbound.mqtt.model import PublishedSite
from outbound.mqtt.topics import Topics

PROJECT = "Voltkeeper"
BIRTH_TOPIC, BIRTH_PAYLOAD = "status", b"online"  # below the prefix: Home Assistant has started
LOST_INTERVALS = 3  # without a message for so many intervals a figure is unavailable


@dataclass(frozen=True)
class Discovery:
    """How a site is announced: `prefix` is Home Assistant's, `site` the id of the database.

    `every_s` is the interval in seconds at which everything is published. `commands` and `updates` say
    whether there are controls, and firmware that can be installed. `ups_commands` are the commands that may
    be given, by name of the UPS. `link` is the address of the site, '' where it is not known.
    """

    prefix: str
    topics: Topics
    site: str
    title: str
    software: str  # the version of this program
    every_s: float = 60.0
    commands: bool = False
    updates: bool = False
    ups_commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    link: str = ""

    @property
    def device_id(self) -> str:
        """The id of the site's own device, with which those of all others begin."""
        return f"voltkeeper_{self.site}"

    def topic(self, device_id: str) -> str:
        """Where the message of a device is retained."""
        return f"{self.prefix}/device/{device_id}/config"

    @property
    def filter(self) -> str:
        """The filter that the messages of all devices match, those of other programs, too."""
        return self.topic("+")

    def is_own(self, topic: str) -> bool:
        """Whether a topic is that of a device of this site."""
        own = self.topic(self.device_id)
        return topic == own or topic.startswith(f"{own.removesuffix('/config')}_")

    @property
    def birth_topic(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.prefix}/{BIRTH_TOPIC}"

    def messages(self, site: PublishedSite) -> dict[str, Content]:
        """The message of every device by topic; a device comes after the one that it is reached by."""
        origin = {"name": PROJECT, **({"sw_version": self.software} if self.software else {})}
        return {
            self.topic(device.id): device_message(device, origin, self.link) for device in self.devices(site)
        }

    def devices(self, site: PublishedSite) -> list[AnnouncedDevice]:
        """The site itself, gateways, UPSes, nodes."""
        gateways = {gateway.name: f"{self.device_id}_gateway_{gateway.id}" for gateway in site.gateways}
        expire_s = round(LOST_INTERVALS * self.every_s)
        found = [site_device(self.device_id, self.title, self.software, self.topics)]
        for gateway in site.gateways:
            found.append(gateway_device(gateways[gateway.name], gateway, self.device_id, self.topics))
        for ups in site.upses:
            allowed = self.ups_commands.get(ups.name, ()) if self.commands else ()
            id = f"{self.device_id}_ups_{ups.id}"
            found.append(ups_device(id, ups, self.device_id, self.topics, allowed, expire_s))
        for node in site.nodes:
            via = gateways.get(node.gateway, self.device_id)
            id = f"{self.device_id}_node_{node.id}"
            found.append(node_device(id, node, via, self.topics, self.commands, self.updates, expire_s))
        return found
