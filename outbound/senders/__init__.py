"""Sending one message to one target: what all senders have in common."""

from typing import Protocol

from ingest.errors import VoltkeeperError
from outbound.alerts.model import AlertMessage


class SendError(VoltkeeperError):
    """A message that a target did not take; `reason` is what the service answered.

    `is_final`: the same message would be refused again, so that it is not worth a retry.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_final = reason, is_final


class MessageSender(Protocol):
    """What sends to one target."""

    address: str  # for people and logs: scheme and host alone

    async def send(self, message: AlertMessage, number: int | None = None) -> str:
        """Send; returns what the service answered. Raises SendError.

        `number`: the message may have arrived before; its title names this `deliveries.id` as `#ID`.
        """
