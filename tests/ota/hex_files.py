"""Intel HEX files made and read in plain Python, apart from the product's reader."""

from random import Random


def record(address, data, kind=0):
    body = bytes([len(data), address >> 8 & 255, address & 255, kind]) + bytes(data)
    return f":{(body + bytes([-sum(body) & 255])).hex().upper()}"


def hex_file(chunks, width=16, end="\n"):
    """A HEX file of {address: bytes}."""
    lines: list[str] = []
    upper = 0
    for address, data in chunks.items():
        for start in range(0, len(data), width):
            if (address + start) >> 16 != upper:
                upper = (address + start) >> 16
                lines.append(record(0, upper.to_bytes(2, "big"), kind=4))
            lines.append(record(address + start, data[start : start + width]))
    return end.join([*lines, ":00000001FF", ""])


def slow_crc(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def mutate(text, random: Random):
    """The text with one to three faults."""
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(text) + 1)
        fault = random.randrange(9)
        lines = text.split("\n")
        line = random.randrange(len(lines))
        if fault == 0:
            text = text[:place] + text[place + 1 :]
        elif fault == 1:
            text = text[:place] + random.choice("0123456789ABCDEFabcdef:; \n\r\tGé\0") + text[place:]
        elif fault == 2:
            text = text[:place] + random.choice("0123456789ABCDEF") + text[place + 1 :]
        elif fault == 3:
            text = "\n".join(lines[:line] + lines[line + 1 :])
        elif fault == 4:
            text = "\n".join(lines[: line + 1] + lines[line:])
        elif fault == 5:
            text = text[:place]
        elif fault == 6:
            random.shuffle(lines)
            text = "\n".join(lines)
        elif fault == 7:
            data = random.randbytes(random.randrange(20))
            lines.insert(line, record(random.randrange(65536), data, random.randrange(7)))
            text = "\n".join(lines)
        else:
            text = text[:place].swapcase() + text[place:]
    return text
