"""What can go wrong with a gateway, as switches that tests and soak runs turn on, also while it runs."""

import random
from dataclasses import dataclass, field


@dataclass
class Faults:
    """Switches of the gateway program; all off is a well-behaved gateway.

    silent      half-open: clients are accepted and read, nothing is written to them
    deaf        what controllers send is ignored
    drop_after  every client is cut off after so many lines and one half of the next
    newest_wins a further client takes the place of the oldest (W5100, ENC28J60) where max_clients is reached
    garble      share of lines, 0 to 1, that arrive damaged: cut, glued to the next one, with wrong bytes
    repeat      share of lines, 0 to 1, that arrive twice, as a lost radio acknowledgement makes them
    fragment    write this many bytes at a time, so that lines arrive in pieces
    debug       an I_LOG_MESSAGE before each line of a node, as a serial gateway built with MY_DEBUG sends
    """

    silent: bool = False
    deaf: bool = False
    drop_after: int | None = None
    newest_wins: bool = False
    garble: float = 0.0
    repeat: float = 0.0
    fragment: int | None = None
    debug: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(826), repr=False)

    def damage(self, data: bytes) -> bytes:
        """The bytes that go out for one line with its line end: itself, repeated or damaged."""
        if self.repeat and self.chance.random() < self.repeat:
            data += data
        if not self.garble or self.chance.random() >= self.garble:
            return data
        kind = self.chance.choice(("cut", "glue", "bytes"))
        if kind == "cut":
            return data[: self.chance.randrange(1, len(data))] + b"\n"
        if kind == "glue":
            return data[:-1]
        damaged = bytearray(data)
        for _ in range(3):
            damaged[self.chance.randrange(len(data) - 1)] = self.chance.randrange(128, 256)
        return bytes(damaged)


def debug_line(line: bytes, parent: int, milliseconds: int) -> bytes:
    """The I_LOG_MESSAGE, without line end, of a debugging gateway that hears `line` (`MyTransport.cpp`)."""
    sender, child, command, _, type, payload = line.split(b";", 5)
    return b"0;255;3;0;9;%d TSF:MSG:READ,%s-%s-0,s=%s,c=%s,t=%s,pt=0,l=%d,sg=0:%s" % (
        milliseconds & 0xFFFFFFFF,
        sender,
        b"%d" % parent if parent else sender,
        child,
        command,
        type,
        len(payload),
        payload,
    )
