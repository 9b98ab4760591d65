"""Intel HEX text to a firmware image; each reason to refuse one has a message of its own. Pure.

An image starts at address 0, its gaps are 0xFF and it is padded with 0xFF to a multiple of 128 bytes (one
flash page of an ATmega328P), as every known server does: the padding is part of the block count and of the
CRC.
"""

import re
from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import StringIO
from itertools import pairwise

from crcmod.predefined import mkPredefinedCrcFun
from intelhex import AddressOverlapError, HexReaderError, IntelHex

from ota.errors import OtaError
from ota.wire import BLOCK_SIZE, BootloaderKind, bootloader_kind, describe_bootloader

PAGE = 128  # bytes
MAX_BLOCKS = 2047  # of 16 bytes: the 32 KiB that a library node erases, less the header
MYSBOOTLOADER_BLOCKS = 1912  # the bootloader refuses 1920 (0x7800 / 16); whole pages end at 1912
BOOTLOADER_SECTION = 0x7800  # where a bootloader of an ATmega328P may start
FLASH_END = 0x40000  # of the largest AVR with a boot section (ATmega2560)
# What avr-gcc puts beside the program, each in an address range of its own, and avr-objcopy copies into a HEX
# file unless `-R` leaves it out: address -> (contents, section).
ELF_SECTIONS = {
    0x800000: ("RAM", ".data"),
    0x810000: ("EEPROM", ".eeprom"),
    0x820000: ("fuse", ".fuse"),
    0x830000: ("lock bit", ".lock"),
    0x840000: ("signature", ".signature"),
    0x850000: ("user signature", ".user_signatures"),
}
MAX_HEX = 1 << 20  # characters; an image of 2047 blocks with one byte a record has half of that
BLOCK_SIZES = (8, 16)

# Fixed payload lengths and names by record type (Intel "Hexadecimal Object File Format", 1988).
RECORDS = {
    0: (None, "data"),
    1: (0, "end of file"),
    2: (2, "extended segment address"),
    3: (4, "start segment address"),
    4: (2, "extended linear address"),
    5: (4, "start linear address"),
}

crc16 = mkPredefinedCrcFun("modbus")


class ImageError(OtaError):
    """A HEX file that is refused; the message names the line or the address, and the cause."""


@dataclass(frozen=True)
class Image:
    """A padded firmware. `size` is the number of bytes before the padding, gaps included."""

    data: bytes
    size: int

    @property
    def blocks(self) -> int:
        """Number of blocks of 16 bytes."""
        return len(self.data) // BLOCK_SIZE

    @cached_property
    def crc(self) -> int:
        """CRC-16/MODBUS over all blocks."""
        return int(crc16(self.data))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the padded bytes, in hex: two HEX files that flash the same have the same one."""
        return sha256(self.data).hexdigest()


def make_image(data: bytes) -> Image:
    """Make an Image of bytes from address 0 on. Raises ImageError when there are none or too many."""
    if not data:
        raise ImageError("the file holds no data")
    check_end(len(data))
    return Image(bytes(data) + b"\xff" * (-len(data) % PAGE), len(data))


def check_end(end: int) -> None:
    """Raise ImageError when an image that ends before this address has too many blocks."""
    blocks = -(-end // PAGE) * (PAGE // BLOCK_SIZE)
    if blocks > MAX_BLOCKS:
        raise ImageError(
            f"the data end at 0x{end - 1:04X}: {blocks} blocks of {BLOCK_SIZE} bytes, "
            f"no bootloader takes more than {MAX_BLOCKS}"
        )


def parse_intel_hex(source: bytes | str) -> Image:
    """Parse an Intel HEX file given as bytes or text. Raises ImageError."""
    lines = list(numbered_lines(source))
    ended = None
    for number, line in lines:
        if ended is not None:
            raise ImageError(f"line {number}: a record behind the end of file record in line {ended}")
        if check_record(number, line) == 1:
            ended = number
    if not lines:
        raise ImageError("the file is empty")
    if ended is None:
        raise ImageError(
            f"line {lines[-1][0]}: the file ends without an end of file record, it may be cut off"
        )
    return make_image(assemble(lines))


def numbered_lines(source: bytes | str) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of the lines that are not empty. May raise ImageError."""
    if len(source) > MAX_HEX:
        raise ImageError(f"{len(source)} characters, an image of {MAX_BLOCKS} blocks needs {MAX_HEX} at most")
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", source), 1):
        odd = next((byte for byte in line if byte != 9 and not 32 <= byte < 127), None)
        if odd is not None:
            raise ImageError(f"line {number}: byte 0x{odd:02X} is not text, an Intel HEX file is needed")
        if line:
            yield number, line.decode("ascii")


def check_record(number: int, line: str) -> int:
    """Return the type of the record in a line. Raises ImageError with the line number and the cause."""
    if line[0] != ":":
        raise ImageError(f"line {number}: starts with {line[0]!r}, a record starts with ':'")
    try:
        record = unhexlify(line[1:])
    except (HexError, ValueError):
        odd = re.search(r"[^0-9A-Fa-f]", line[1:])
        if odd:
            raise ImageError(
                f"line {number}: {odd[0]!r} in column {odd.start() + 2} is no hex digit"
            ) from None
        raise ImageError(f"line {number}: {len(line) - 1} hex digits, an even number is needed") from None
    if len(record) < 5:
        raise ImageError(f"line {number}: {len(record)} bytes, the shortest record has 5")
    if len(record) != record[0] + 5:
        raise ImageError(f"line {number}: {len(record) - 5} bytes of data, the record announces {record[0]}")
    expected = -sum(record[:-1]) & 0xFF
    if record[-1] != expected:
        raise ImageError(f"line {number}: checksum {record[-1]:02X}, expected {expected:02X}")
    kind = record[3]
    if kind not in RECORDS:
        raise ImageError(f"line {number}: record type {kind:02X} is unknown")
    length, name = RECORDS[kind]
    if length is not None and record[0] != length:
        raise ImageError(f"line {number}: {name} record with {record[0]} bytes of data, it has {length}")
    if kind > 1 and record[1:3] != b"\0\0":
        raise ImageError(
            f"line {number}: {name} record with address {record[1:3].hex().upper()}, it has 0000"
        )
    return kind


def assemble(lines: list[tuple[int, str]]) -> bytes:
    """Return the bytes from address 0 to the last one, gaps filled with 0xFF. Raises ImageError."""
    reader = IntelHex()
    try:
        reader.loadhex(StringIO("\n".join(line for _, line in lines)))
    except AddressOverlapError as error:
        raise ImageError(
            f"line {lines[error.line - 1][0]}: address 0x{error.address:04X} is given twice"
        ) from None
    except HexReaderError as error:
        raise ImageError(f"line {lines[error.line - 1][0]}: {error}") from None
    segments = reader.segments()  # (first address, address behind the last)
    if not segments:
        raise ImageError("the file holds no data")
    for start, end in segments:
        check_memory(start, end)
    start = segments[0][0]
    if start:
        raise ImageError(f"the data start at 0x{start:04X}, a firmware starts at 0x0000")
    for (_, gap), (first, end) in pairwise(segments):
        if end > BOOTLOADER_SECTION:
            raise ImageError(
                f"data up to 0x{end - 1:04X} behind a gap at 0x{gap:04X}-0x{first - 1:04X}: "
                "a bootloader is inside; use the file without the bootloader"
            )
    check_end(segments[-1][1])
    return bytes(reader.tobinstr(start=0, end=segments[-1][1] - 1))


def check_memory(start: int, end: int) -> None:
    """Raise ImageError for data that are for another memory than the flash."""
    base = start & ~0xFFFF
    if base in ELF_SECTIONS:
        contents, section = ELF_SECTIONS[base]
        raise ImageError(
            f"{contents} data at 0x{start:06X}-0x{end - 1:06X}: an update over the air carries the program "
            "alone; "
            f"make the file with avr-objcopy -R {section}"
        )
    if end > FLASH_END:
        raise ImageError(f"data at 0x{start:X}-0x{end - 1:X}: no AVR has flash memory there")


def block_limit(bootloader: int | None) -> int:
    """Blocks of 16 bytes that a bootloader takes; the general limit for an unknown BLVersion."""
    return MYSBOOTLOADER_BLOCKS if bootloader_kind(bootloader) is BootloaderKind.MYSBOOTLOADER else MAX_BLOCKS


def image_refusal(blocks: int, bootloader: int | None, block_size: int | None = None) -> str | None:
    """Why a node with this BLVersion cannot take so many blocks of 16 bytes; None when it can."""
    limit = block_limit(bootloader)
    if blocks > limit:
        return f"the image has {blocks} blocks, {describe_bootloader(bootloader)} takes {limit} at most"
    if block_size is not None and block_size not in BLOCK_SIZES:
        return f"the node asks for blocks of {block_size} bytes, 8 and 16 are known"
    return None
