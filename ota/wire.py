"""Stream payloads of firmware updates: hex text to values and back. Pure: no I/O, no clock, no state.

All integers are unsigned 16 bit, little endian. The structs are those of `Definitions.h` of
MySensorsBootloaderRF24 and of `core/MyOTAFirmwareUpdate.h` of the MySensors library; a gateway prints upper
case hex and reads either.
"""

from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from ota.errors import OtaError

BLOCK_SIZE = 16  # bytes of a block, unless an 18-byte configuration request says otherwise
MAX_PAYLOAD = 25  # bytes that a radio message carries
COMMAND_CRC = 0xDA7A  # together with blocks 0 it makes a configuration response a bootloader command

CONFIG = Struct("<4H")
CONFIG_REQUEST = Struct("<5H")
EXTENSION = Struct("<BBHI")
BLOCK = Struct("<3H")
RUN = Struct("<4HB")

C_INTERNAL, C_STREAM = 3, 4  # commands of MySensors messages (`core/MyMessage.h`)
I_REBOOT, I_PRESENTATION = 13, 19  # types of C_INTERNAL
# What a bootloader itself lets through to the controller, by type of C_INTERNAL: I_ID_REQUEST,
# I_FIND_PARENT_REQUEST, I_SIGNING_PRESENTATION, I_NONCE_REQUEST. Every other message comes from a sketch.
BOOTLOADER_INTERNAL = frozenset((3, 7, 15, 16))


class StreamType(IntEnum):
    """Types of C_STREAM that an update uses (`core/MyMessage.h`)."""

    ST_FIRMWARE_CONFIG_REQUEST = 0
    ST_FIRMWARE_CONFIG_RESPONSE = 1
    ST_FIRMWARE_REQUEST = 2
    ST_FIRMWARE_RESPONSE = 3
    ST_FIRMWARE_CONFIRM = 6
    ST_FIRMWARE_RESPONSE_RLE = 7


Reply = tuple[StreamType, str]  # a stream message to a node: its type, its payload as hex text
SendReply = Callable[[Reply], object]


class BootloaderKind(IntEnum):
    """The firmware loader at the node's end, by its BLVersion. The rules of an update depend on it."""

    UNKNOWN = 0
    MYSBOOTLOADER = 1  # writes the flash it starts from, the sketch does not run meanwhile
    LIBRARY = 2  # the running sketch fills an external flash, DualOptiboot copies it
    LIBRARY_31 = 3  # the same with 18-byte requests, its own block size and RLE answers

    @property
    def is_library(self) -> bool:
        """True when the running sketch loads the image, so that it goes on sending meanwhile."""
        return self >= BootloaderKind.LIBRARY


class BootloaderCommand(IntEnum):
    """Commands that MYSBootloader takes in place of a configuration.

    They are a build option of it (BOOTLOADER_COMMANDS).
    """

    ERASE_EEPROM = 1
    SET_NODE_ID = 2
    SET_PARENT = 3


# Names in `ota_commands.command` and in the API.
BOOTLOADER_COMMANDS = {
    "erase_eeprom": BootloaderCommand.ERASE_EEPROM,
    "set_node_id": BootloaderCommand.SET_NODE_ID,
    "set_parent": BootloaderCommand.SET_PARENT,
}
COMMAND_VALUES: dict[int, tuple[int, int]] = {  # lowest and highest value that a command takes
    BootloaderCommand.ERASE_EEPROM: (0, 0),
    BootloaderCommand.SET_NODE_ID: (1, 254),
    BootloaderCommand.SET_PARENT: (0, 254),
}


class WireError(OtaError):
    """A stream payload that cannot be read; the message says why."""


class CommandError(OtaError):
    """A bootloader command that cannot be sent; the message says why."""


class FirmwareConfig(NamedTuple):
    """The 8 bytes that name an image: what a node reports and what it is offered."""

    type: int
    version: int
    blocks: int
    crc: int


UNSET = 0xFFFF  # what erased EEPROM reads


def describe_config(config: FirmwareConfig) -> str:
    """What a reported configuration says that the node runs: `10/3`, `empty`, `flashed by cable` ..."""
    if config.type == config.version == UNSET:
        # A serial upload to MYSBootloader leaves the real blocks and CRC (`STK500Bootloader.h`).
        return "empty" if config.blocks == UNSET else "flashed by cable"
    named = f"{config.type}/{config.version}"
    return named if config.blocks else f"no valid image of {named}"


class ConfigRequest(NamedTuple):
    """ST_FIRMWARE_CONFIG_REQUEST. `committed`, `revision`, `build` are None in the 10-byte form.

    `bootloader` is the BLVersion; `committed` the image_ok byte of mcuboot.
    """

    config: FirmwareConfig
    bootloader: int
    block_size: int = BLOCK_SIZE
    committed: int | None = None
    revision: int | None = None
    build: int | None = None

    @property
    def kind(self) -> BootloaderKind:
        """The loader that sent the request."""
        return bootloader_kind(self.bootloader)


class BlockRequest(NamedTuple):
    """ST_FIRMWARE_REQUEST."""

    type: int
    version: int
    block: int


def parse_hex(payload: str) -> bytes:
    """Convert hex text to bytes. Raises WireError: odd number of digits, no hex, more than 25 bytes."""
    if len(payload) % 2:
        raise WireError(f"{len(payload)} hex digits, an even number is needed")
    if len(payload) > 2 * MAX_PAYLOAD:
        raise WireError(f"{len(payload) // 2} bytes, a radio message carries {MAX_PAYLOAD} at most")
    try:
        return unhexlify(payload)
    except (HexError, ValueError):
        raise WireError(f"{payload!r} is not hex") from None


def parse_config_request(payload: str) -> ConfigRequest:
    """Parse a configuration request of 10 bytes, or of 18 (protocol 3.1). Raises WireError.

    Bytes behind these are ignored.
    """
    data = parse_hex(payload)
    if len(data) < CONFIG_REQUEST.size:
        raise WireError(f"configuration request of {len(data)} bytes, 10 or 18 are needed")
    *config, bootloader = CONFIG_REQUEST.unpack_from(data)
    if len(data) < CONFIG_REQUEST.size + EXTENSION.size:
        return ConfigRequest(FirmwareConfig(*config), bootloader)
    return ConfigRequest(
        FirmwareConfig(*config), bootloader, *EXTENSION.unpack_from(data, CONFIG_REQUEST.size)
    )


def parse_block_request(payload: str) -> BlockRequest:
    """Parse a block request of 6 bytes; bytes behind these are ignored. Raises WireError."""
    data = parse_hex(payload)
    if len(data) < BLOCK.size:
        raise WireError(f"block request of {len(data)} bytes, 6 are needed")
    return BlockRequest(*BLOCK.unpack_from(data))


def format_config(config: FirmwareConfig) -> str:
    """Format ST_FIRMWARE_CONFIG_RESPONSE: 16 hex digits."""
    return CONFIG.pack(*config).hex().upper()


def format_block(type: int, version: int, block: int, data: bytes) -> str:
    """Format ST_FIRMWARE_RESPONSE: the request's own 6 bytes and the bytes of the block."""
    return (BLOCK.pack(type, version, block) + data).hex().upper()


def format_run(type: int, version: int, block: int, count: int, byte: int) -> str:
    """Format ST_FIRMWARE_RESPONSE_RLE: `count` blocks, from `block` downwards, are filled with `byte`."""
    return RUN.pack(type, version, block, count, byte).hex().upper()


def format_command(command: int, value: int = 0) -> str:
    """Format a bootloader command as the payload of a configuration response.

    Raises CommandError for an unknown command and a value that it does not take.
    """
    if command not in COMMAND_VALUES:
        raise CommandError(f"bootloader command {command} is unknown")
    low, high = COMMAND_VALUES[command]
    if not low <= value <= high:
        raise CommandError(
            f"{BootloaderCommand(command).name} takes a number from {low} to {high}, not {value}"
        )
    return format_config(FirmwareConfig(command, value, 0, COMMAND_CRC))


def bootloader_kind(bootloader: int | None) -> BootloaderKind:
    """The kind of a BLVersion (low byte major, high byte minor); UNKNOWN for None and other majors."""
    minor, major = divmod(bootloader or 0, 256)
    library = BootloaderKind.LIBRARY_31 if minor else BootloaderKind.LIBRARY
    return {1: BootloaderKind.MYSBOOTLOADER, 3: library}.get(major, BootloaderKind.UNKNOWN)


def describe_bootloader(bootloader: int | None) -> str:
    """Name and version of a BLVersion: `MYSBootloader 1.3`, `library OTA 3.0`."""
    if bootloader is None:
        return "unknown bootloader"
    minor, major = divmod(bootloader, 256)
    name = {1: "MYSBootloader", 3: "library OTA"}.get(major, "unknown bootloader")
    return f"{name} {major}.{minor}"


def comes_from_sketch(command: int, type: int) -> bool:
    """True when such a message proves that the node's sketch runs, not its bootloader."""
    return command != C_STREAM and not (command == C_INTERNAL and type in BOOTLOADER_INTERNAL)
