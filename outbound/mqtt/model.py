"""What is published of a site, as it is at one moment: records of UPSes, nodes and gateways."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = float | str


@dataclass(frozen=True)
class PublishedUps:
    """A UPS: a row of `ups_overview` and its variables, NUT name -> number, text, None for what cannot be.

    `energy_kwh` is what its load has taken since it is known, ever growing; None where no watts are known.
    Times are UTC texts.
    """

    id: int
    name: str
    label: str
    state: str  # OK, Warning, Critical, Stale, No data
    is_current: bool  # its figures are not old
    reason: str = ""
    driver: str = ""
    source: str = ""
    location: str = ""
    mfr: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    sampled_at: str | None = None
    on_battery: bool | None = None  # None where that is not known
    watts: float | None = None
    energy_kwh: float | None = None
    variables: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedChannel:
    """The newest value of a channel of a node: a number where it is one, else text; `name` is for people."""

    id: int
    child_id: int
    type: str  # V_TEMP
    sensor_type: str | None  # S_TEMP; None where the sensor was not presented
    name: str
    unit: str
    value: Value | None
    last_at: str | None


@dataclass(frozen=True)
class PublishedSensor:
    """A sensor that a node has presented, also one that never reported a value; `type` is its S_ symbol."""

    child_id: int
    type: str
    name: str


@dataclass(frozen=True)
class PublishedNode:
    """A node that was heard: a row of `node_overview`, its sensors and channels, and its firmware.

    `firmware` is what it runs and `available` the newest that is stored of that type, as `type/version`.
    """

    id: int
    gateway: str
    node_id: int
    name: str
    state: str
    is_current: bool
    reason: str = ""
    label: str = ""
    role: str = "node"
    location: str = ""
    sketch_name: str | None = None
    sketch_version: str | None = None
    protocol_version: str | None = None
    battery_level: float | None = None  # per cent; None where it is not known
    has_battery: bool = False  # it has reported a level at some time
    last_seen_at: str | None = None
    firmware: str | None = None
    available: str | None = None
    sensors: tuple[PublishedSensor, ...] = ()
    channels: tuple[PublishedChannel, ...] = ()


@dataclass(frozen=True)
class PublishedGateway:
    """A gateway of the config, and its row of `readers`."""

    id: int
    name: str
    connected: bool
    state: str
    detail: str = ""
    version: str | None = None
    address: str = ""
    last_message_at: str | None = None
    since_at: str | None = None


@dataclass(frozen=True)
class PublishedSite:
    """All that is published."""

    upses: tuple[PublishedUps, ...] = ()
    nodes: tuple[PublishedNode, ...] = ()
    gateways: tuple[PublishedGateway, ...] = ()
