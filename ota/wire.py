"""Stream payloads of firmware updates: hex text to values and back. Pure: no I/O, no clock, no state.

All integers are unsigned 16 bit, little endian. The structs are those of `Definitions.h` of MySensorsBootloaderRF24
and of `core/MyOTAFirmwareUpdate.h` of the MySensors library; a gateway prints upper case hex and reads either.
"""

from binascii import Error as HexError
from binascii import unhexlify
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

BLOCK_SIZE = 16  # bytes of a block, unless an 18-byte configuration request says otherwise
MAX_PAYLOAD = 25  # bytes that a radio message carries
COMMAND_CRC = 0xDA7A  # together with blocks 0 it makes a configuration response a bootloader command

CONFIG = Struct("<4H")
CONFIG_REQUEST = Struct("<5H")
EXTENSION = Struct("<BBHI")
BLOCK = Struct("<3H")
RUN = Struct("<4HB")

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


class BootloaderKind(IntEnum):
    """What answers at the node's end. The rules of an update depend on it."""

    UNKNOWN = 0
    MYSBOOTLOADER = 1  # writes the flash it starts from, the sketch does not run meanwhile
    LIBRARY = 2  # the running sketch fills an external flash, DualOptiboot copies it
    LIBRARY_31 = 3  # the same with 18-byte requests, its own block size and RLE answers

    @property
    def words(self):
        return ("unknown bootloader", "MYSBootloader", "library OTA 3.0", "library OTA 3.1")[self]

    @property
    def is_library(self):
        return self >= BootloaderKind.LIBRARY


class BootloaderCommand(IntEnum):
    """Commands that MYSBootloader takes in place of a configuration (build option BOOTLOADER_COMMANDS)."""

    ERASE_EEPROM = 1
    SET_NODE_ID = 2
    SET_PARENT = 3


# What people call them.
BOOTLOADER_COMMANDS = {
    "erase_eeprom": BootloaderCommand.ERASE_EEPROM,
    "set_node_id": BootloaderCommand.SET_NODE_ID,
    "set_parent": BootloaderCommand.SET_PARENT,
}


class WireError(ValueError):
    """A stream payload that cannot be read; its text says why, in words."""


class FirmwareConfig(NamedTuple):
    """The 8 bytes that name an image: what a node reports and what it is offered."""

    type: int
    version: int
    blocks: int
    crc: int


class ConfigRequest(NamedTuple):
    """ST_FIRMWARE_CONFIG_REQUEST. `committed`, `revision`, `build` are None in the 10-byte form."""

    config: FirmwareConfig
    bootloader: int
    block_size: int = BLOCK_SIZE
    committed: int | None = None
    revision: int | None = None
    build: int | None = None

    @property
    def kind(self):
        return bootloader_kind(self.bootloader)


class BlockRequest(NamedTuple):
    """ST_FIRMWARE_REQUEST."""

    type: int
    version: int
    block: int


def parse_hex(payload):
    """Hex text as bytes. Raises WireError for an odd number of digits, other characters, more than 25 bytes."""
    if len(payload) % 2:
        raise WireError(f"{len(payload)} hex digits, an even number is needed")
    if len(payload) > 2 * MAX_PAYLOAD:
        raise WireError(f"{len(payload) // 2} bytes, a radio message carries {MAX_PAYLOAD} at most")
    try:
        return unhexlify(payload)
    except (HexError, ValueError):
        raise WireError(f"{payload!r} is not hex") from None


def parse_config_request(payload):
    """A configuration request of 10 bytes, or of 18 (protocol 3.1); what follows is ignored. Raises WireError."""
    data = parse_hex(payload)
    if len(data) < CONFIG_REQUEST.size:
        raise WireError(f"configuration request of {len(data)} bytes, 10 or 18 are needed")
    *config, bootloader = CONFIG_REQUEST.unpack_from(data)
    if len(data) < CONFIG_REQUEST.size + EXTENSION.size:
        return ConfigRequest(FirmwareConfig(*config), bootloader)
    return ConfigRequest(
        FirmwareConfig(*config), bootloader, *EXTENSION.unpack_from(data, CONFIG_REQUEST.size)
    )


def parse_block_request(payload):
    """A block request of 6 bytes; bytes behind these are ignored. Raises WireError."""
    data = parse_hex(payload)
    if len(data) < BLOCK.size:
        raise WireError(f"block request of {len(data)} bytes, 6 are needed")
    return BlockRequest(*BLOCK.unpack_from(data))


def format_config(config):
    """ST_FIRMWARE_CONFIG_RESPONSE: 16 hex digits."""
    return CONFIG.pack(*config).hex().upper()


def format_block(type, version, block, data):
    """ST_FIRMWARE_RESPONSE: the request's own 6 bytes and the bytes of the block."""
    return (BLOCK.pack(type, version, block) + data).hex().upper()


def format_run(type, version, block, count, byte):
    """ST_FIRMWARE_RESPONSE_RLE: `count` blocks, from `block` downwards, are filled with `byte`."""
    return RUN.pack(type, version, block, count, byte).hex().upper()


def format_command(command, value=0):
    """A bootloader command as the payload of a configuration response.

    SET_NODE_ID takes 1 to 254, SET_PARENT 0 to 254. Raises ValueError for anything else.
    """
    command = BootloaderCommand(command)
    low, high = {BootloaderCommand.SET_NODE_ID: (1, 254), BootloaderCommand.SET_PARENT: (0, 254)}.get(
        command, (0, 0)
    )
    if not low <= value <= high:
        raise ValueError(f"{command.name} takes a number from {low} to {high}, not {value}")
    return format_config(FirmwareConfig(command, value, 0, COMMAND_CRC))


def bootloader_kind(bootloader):
    """The BootloaderKind behind a BLVersion (low byte major, high byte minor), UNKNOWN for None and for other majors."""
    if bootloader is None:
        return BootloaderKind.UNKNOWN
    minor, major = divmod(bootloader, 256)
    if major == 1:
        return BootloaderKind.MYSBOOTLOADER
    if major == 3:
        return BootloaderKind.LIBRARY_31 if minor else BootloaderKind.LIBRARY
    return BootloaderKind.UNKNOWN


def describe_bootloader(bootloader):
    """A BLVersion for people: `MYSBootloader 1.3`, `library OTA 3.0`."""
    if bootloader is None:
        return "unknown bootloader"
    minor, major = divmod(bootloader, 256)
    name = {1: "MYSBootloader", 3: "library OTA"}.get(major, "unknown bootloader")
    return f"{name} {major}.{minor}"


def comes_from_sketch(command, type):
    """True when a message of this command and type proves that the node's sketch runs, not its bootloader."""
    return command != 4 and not (command == 3 and type in BOOTLOADER_INTERNAL)
