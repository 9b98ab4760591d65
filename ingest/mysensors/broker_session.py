"""The session of one gateway at its broker: what outlives its connections."""

from dataclasses import dataclass, field

from ingest.mqtt.records import Published
from ingest.mqtt.settings import BrokerOptions
from ingest.mysensors.broker_rows import Packet, digest


@dataclass(eq=False)
class BrokerSession:
    """What outlives the connections of one gateway to its broker.

    `taken` are the QoS 1 messages that were taken and may come again: number -> digest. `fetched` names the
    session whose retained messages are stored, as the database has it.
    """

    broker: BrokerOptions
    client_id: str
    prefix: str  # of what the gateway publishes
    taken: dict[int, str] = field(default_factory=dict)
    fetched: str = ""
    unstored: set[int] = field(default_factory=set)  # numbers that wait for a commit
    has_subscribed: bool = False  # in this process
    unfinished_fetches: int = 0  # in a row, that the end of the connection has ended
    is_v5: bool = True
    short_ends: int = 0  # connections in a row that the broker ended soon

    @property
    def name(self) -> str:
        """What tells this session from another one of the gateway."""
        return f"{self.client_id} {self.broker.address} {self.prefix}"

    @property
    def is_fetched(self) -> bool:
        """Whether what the broker retained when the session began is stored."""
        return self.fetched == self.name

    def take(self, message: Published) -> Packet | None:
        """Note a QoS 1 message; None for one that was taken before."""
        packet = (message.packet, digest(message.topic, message.payload))
        if message.is_again and self.taken.get(message.packet) == packet[1]:
            return None
        self.taken[message.packet] = packet[1]
        self.unstored.add(message.packet)
        return packet

    def begin_anew(self) -> None:
        """The broker has no session: its numbers begin anew, and it sends nothing again."""
        self.taken.clear()
        self.unstored.clear()
        self.has_subscribed = False
