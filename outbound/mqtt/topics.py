"""The layout of the topics. Pure.

A name is one level of a topic. What MQTT does not allow there (`+`, `#`, `/`, NUL) and other control
characters are written as % and two hex digits for each byte of UTF-8, and so is % itself, so that two names
never share a topic.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

FORBIDDEN = re.compile(r"[+#/%\x00-\x1f\x7f-\x9f\ud800-\udfff]")
STATUS, AVAILABILITY = "status", "availability"
COMMAND, SET, UPDATE, RESULT = "command", "set", "update", "result"
NEWEST = "newest"  # as an order to update: the newest firmware of the type that the node runs
COVER = "S_COVER"  # in place of a V_ type: takes the moves of a cover, each by the name of its V_ type
ONLINE, OFFLINE = "online", "offline"
KINDS = ("ups", "node", "gateway")  # second level of the topics that are retained


def level(name: str) -> str:
    """A name as one level of a topic."""
    if FORBIDDEN.search(name) is None:
        return name
    return FORBIDDEN.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), name
    )


@dataclass(frozen=True)
class Topics:
    """Every topic below a prefix."""

    prefix: str

    def _join(self, *names: str | int) -> str:
        return "/".join((self.prefix, *(level(str(name)) for name in names)))

    @property
    def status(self) -> str:
        """`online`, or `offline`, also as last will: whether Voltkeeper publishes."""
        return self._join(STATUS)

    def ups(self, name: str, *below: str) -> str:
        """The topic of a UPS, such as `voltkeeper/ups/rack@closet`; below it each figure and more."""
        return self._join("ups", name, *below)

    def node(self, gateway: str, node_id: int, *below: str | int) -> str:
        """The topic of a node, such as `voltkeeper/node/main/12`, and those below it."""
        return self._join("node", gateway, node_id, *below)

    def channel(self, gateway: str, node_id: int, child_id: int, type: str, *below: str) -> str:
        """The topic of a value, such as `voltkeeper/node/main/12/1/V_TEMP`."""
        return self._join("node", gateway, node_id, child_id, type, *below)

    def gateway(self, name: str, *below: str) -> str:
        """The topic of a gateway, such as `voltkeeper/gateway/main`, and those below it."""
        return self._join("gateway", name, *below)

    def event(self, kind: str, *names: str) -> str:
        """The topic of the events of `ups`, `node`, `gateway` or `site`."""
        return self._join("event", kind, *names)

    def filters_of_state(self) -> list[str]:
        """The filters that all retained topics match, but the status."""
        return [f"{self.prefix}/{kind}/#" for kind in KINDS]

    def filters_of_orders(self, commands: bool, updates: bool) -> list[str]:
        """The filters of what is taken in."""
        found = []
        if commands:
            found += [f"{self.prefix}/ups/+/{COMMAND}", f"{self.prefix}/node/+/+/+/+/{SET}"]
        if updates:
            found.append(f"{self.prefix}/node/+/+/{UPDATE}")
        return found

    def split(self, topic: str) -> Sequence[str]:
        """The names of a topic below the prefix; none for a topic that is not below it."""
        if not topic.startswith(f"{self.prefix}/"):
            return ()
        return [unquote(one, errors="replace") for one in topic.removeprefix(f"{self.prefix}/").split("/")]
