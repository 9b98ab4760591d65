"""Settings of a gateway as its reader uses them, and the times of the dialogue."""

from dataclasses import dataclass, field

from ingest.mysensors.intake import IntakeLimits


@dataclass(frozen=True)
class Answers:
    """What a gateway's controller does by itself; all on unless switched off."""

    ids: bool = True
    config: bool = True
    time: bool = True
    requests: bool = True
    presentation: bool = True
    keepalive: bool = True


@dataclass(frozen=True)
class GatewayOptions:
    """A MySensors gateway: reached by `tcp` (HOST:PORT), `serial` (a device) or `mqtt` (a broker's name).

    Or it dials in, to the address and port of `listen` from one of `sources`: addresses and networks. By MQTT
    it sends below the topic `publish` and takes what is sent below `subscribe`.
    """

    name: str
    tcp: str | None = None
    serial: str | None = None
    listen: str | None = None
    mqtt: str | None = None
    publish: str | None = None
    subscribe: str | None = None
    sources: tuple[str, ...] = field(default=(), metadata={"key": "from"})
    baudrate: int = 115200
    controller: bool = True  # False: nothing is ever sent
    metric: bool = True
    repeat_window_s: float = 0.0
    answers: Answers = Answers()

    @property
    def address(self) -> str:
        """Where it is, as text for people."""
        if self.listen:
            return f"listen {self.listen}"
        if self.mqtt:
            return f"mqtt {self.mqtt} {self.publish}"
        return f"tcp {self.tcp}" if self.tcp else f"serial {self.serial}"


@dataclass(frozen=True)
class GatewayTiming:
    """Times in seconds and limits of the dialogue with a gateway."""

    connect_s: float = 10.0  # until a TCP connection that is not there is given up
    first_backoff_s: float = 1.0  # before the first reconnection; each further one waits twice as long
    max_backoff_s: float = 10.0
    stable_s: float = 60.0  # connected this long, a gateway is back: its event ends, pauses are short again
    settle_s: float = 0.05  # without a byte after a serial port is opened: the next one begins a line
    keepalive_s: float = 10.0  # without a message before the gateway is asked for its version
    idle_timeout_s: float = 20.0  # without a message after which the connection is closed
    presentation_retry_s: float = 3600.0  # before an unpresented node is asked again
    echo_s: float = 5.0  # without an echo before an awake node is sent an order again
    pause_backlog: int = 40_000  # lines that wait for the disk when reading pauses ...
    resume_backlog: int = 20_000  # ... and when it goes on
    limits: IntakeLimits = field(default_factory=IntakeLimits)  # of what is new
