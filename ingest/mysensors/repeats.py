"""Radio repeats: the same message again soon, because its acknowledgement was lost on the air."""

from dataclasses import dataclass, field

from ingest.mysensors.protocol import Command, Header
from ingest.mysensors.records import ReceivedBlock

MAX_RECENT = 10_000  # messages remembered before old ones are dropped


@dataclass(eq=False)
class RepeatDetector:
    """Remembers what each gateway received last, where its `repeat_window_s` is set."""

    _recent: dict[tuple[int, Header, str], float] = field(default_factory=dict)  # -> monotonic seconds

    def find(self, block: ReceivedBlock) -> set[int]:
        """Positions of messages that repeat one of the last `repeat_window_s`; never of stream messages."""
        repeats = set()
        for position, (header, payload) in enumerate(block.messages):
            if header.command == Command.stream:
                continue
            key = (block.gateway, header, payload)
            last = self._recent.get(key)
            if last is not None and block.monotonic - last <= block.repeat_window_s:
                repeats.add(position)
            else:
                self._recent[key] = block.monotonic
        if len(self._recent) > MAX_RECENT:
            self._recent = {
                key: last
                for key, last in self._recent.items()
                if block.monotonic - last <= block.repeat_window_s
            }
        return repeats
