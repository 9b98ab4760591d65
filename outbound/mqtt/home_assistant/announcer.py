"""Keeps what is announced at the broker the same as the site. Pure; times are monotonic seconds.

At each connection what is retained is read back first, so that entities which are no more are taken away,
also after a restart with other settings. Nothing in the messages changes with a value, so that it is enough
to look every LOOK_S.
"""

from collections.abc import Sequence

from outbound.mqtt.home_assistant.discovery import BIRTH_PAYLOAD, Discovery
from outbound.mqtt.home_assistant.entities import Content
from outbound.mqtt.home_assistant.removal import announcements, read_back
from outbound.mqtt.model import PublishedSite

PAUSE_S = 2.0  # without a retained message, and all have come back
LONGEST_S = 60.0  # waited at most, however many there are
LOOK_S = 30.0  # between two looks at whether there is something to announce
AGAIN_S = 10.0  # between two times that everything is announced to a Home Assistant that has started
MOST = 10_000  # devices that are read back at most


class Announcer:
    """What is announced of a site, and what the broker has of it; a new one for each connection."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._known: dict[str, Content] = {}  # what is retained at the broker, by topic
        self._is_read = self._is_born = False
        self._last_at = self._began_at = float("inf")
        self._looked_at = self._again_at = float("-inf")

    @property
    def filters(self) -> Sequence[str]:
        """What is to be subscribed before `begin`."""
        return (self._discovery.filter, self._discovery.birth_topic)

    def begin(self, now: float) -> None:
        """The filters are subscribed: what is retained comes now."""
        self._last_at = self._began_at = now

    def take(self, topic: str, payload: bytes, retained: bool, now: float) -> bool:
        """Take a message that came in; False where it is none of Home Assistant's."""
        if topic == self._discovery.birth_topic:
            self._is_born = self._is_born or (payload == BIRTH_PAYLOAD and not retained)
            return True
        if not topic.startswith(f"{self._discovery.prefix}/"):
            return False
        if retained and not self._is_read:
            self._last_at = now
            if payload and self._discovery.is_own(topic) and len(self._known) < MOST:
                self._known[topic] = read_back(payload)
        return True

    def is_due(self, now: float) -> bool:
        """Whether `outgoing` may have something."""
        if not self._is_read:
            waits = now - self._last_at < PAUSE_S and now - self._began_at < LONGEST_S
            self._is_read = not waits and self._began_at != float("inf")
        return self._is_read and (self._is_again(now) or now - self._looked_at >= LOOK_S)

    def _is_again(self, now: float) -> bool:
        return self._is_born and now - self._again_at >= AGAIN_S

    def outgoing(self, site: PublishedSite, now: float) -> tuple[list[tuple[str, bytes]], bool]:
        """What is to be published and retained, topic and payload, and whether a Home Assistant has started.

        It counts as published: where that fails, the connection ends, and the next one begins anew.
        """
        again, self._looked_at = self._is_again(now), now
        if again:
            self._again_at, self._is_born = now, False
        messages = self._discovery.messages(site)
        found = list(announcements(self._known, messages, again))
        self._known = messages
        return found, again
