"""Hostile devices beside a site in use: a gateway and a NUT server that send too much, too slowly, or markup.

`faults_wires.py` measures what ingest stores of floods; here pages are watched meanwhile, and what they show.
"""

import random
import re
import time

from fault_tools import count, expect
from hostile_tools import memory, watched

INGEST_MIB = 120
MARKUP = "<script>alert(1)</script>\u202e\x1b[2J\"'><img src=x onerror=alert(2)>"
BARE = (b"<script>alert", b"<img src=x", "\u202e".encode(), b"\x1b")


def names(rnd):
    """Presentations and sketches whose names are markup, controls and directions."""
    for node in range(1, 255):
        yield f"{node};255;3;0;11;{MARKUP[:25]}\n{node};1;0;0;6;{MARKUP}\n{node};1;1;0;48;{MARKUP}\n".encode()


def combinations(rnd):
    """New nodes, children and types without end."""
    for number in range(300_000):
        yield f"{number % 255};{number // 255 % 255};1;0;{number // 65_025 % 20};{number}\n".encode()


def noise(rnd):
    """Bytes, some of which are line ends."""
    for _ in range(2_000):
        yield rnd.randbytes(1_000)


def long_lines(rnd):
    """Lines of a megabyte."""
    for _ in range(50):
        yield b"12;1;1;0;48;" + b"x" * 1_000_000 + b"\n"


def requests(rnd):
    """Requests that ask for an answer each: ids, times, firmware, values."""
    for number in range(100_000):
        node = number % 255
        asked = ("3;0;3;", "3;0;1;", "4;0;0;01000100500045B80103", "4;0;2;010001004F00", "2;0;0;")[number % 5]
        yield f"{node};255;{asked}\n".encode()


def drip(rnd):
    """A byte a second."""
    for byte in b"12;1;1;0;0;20.5\n" * 100:
        time.sleep(1)
        yield bytes([byte])


def hostile_gateway(site, options):
    """A gateway that floods, in six ways, beside the one that numbers its lines."""
    return attack_over(
        site, options, site.wild, (names, combinations, noise, long_lines, requests, drip), ("/", "/nodes")
    )


def answers(listed, variables):
    """A conversation as a NUT server: `listed` and `variables` are the rows of its lists, as bytes."""

    def serve(connection):
        with connection.makefile("rb") as asked:
            for line in asked:
                kind = line.decode("latin-1").strip().removeprefix("LIST ")
                rows = {"UPS": listed, "VAR rack": variables}.get(kind)
                if line.startswith(b"LIST "):
                    connection.sendall(f"BEGIN LIST {kind}\n".encode())
                    for row in rows() if rows else ():
                        connection.sendall(row)
                    connection.sendall(f"END LIST {kind}\n".encode())
                elif line.startswith(b"VER"):
                    connection.sendall(b"Network UPS Tools upsd 2.8.0\n")
                elif line.startswith(b"GET VAR"):
                    connection.sendall(f'VAR {line.decode("latin-1").strip()[8:]} "OL"\n'.encode())
                else:
                    connection.sendall(b"ERR UNKNOWN-COMMAND\n")

    return serve


def one_ups():
    yield b'UPS rack "Rack"\n'


def upsd_markup():
    yield b'VAR rack ups.status "OL"\n'
    for name in ("ups.mfr", "ups.model", "ups.serial", "ups.alarm", "battery.date", "x.<b>y", "driver.name"):
        yield f'VAR rack {name} "{MARKUP.replace(chr(34), "")}"\n'.encode()


def upsd_large():
    for number in range(4_000):
        yield f'VAR rack outlet.{number}.desc "{"y" * 200}"\n'.encode()


def upsd_huge():
    for _ in range(200):
        yield b'VAR rack ups.id "' + b"x" * 60_000 + b'"\n'


def upsd_numbers():
    yield b'VAR rack ups.status "OL"\n'
    for name in ("input.voltage", "battery.charge", "ups.load", "battery.runtime", "ups.realpower"):
        for value in ("1e999", "-1e308", "nan", "9" * 400, "0x10", "1_0"):
            yield f'VAR rack {name} "{value}"\n'.encode()


def upsd_drip():
    for byte in b'VAR rack ups.status "OL"\n' * 50:
        time.sleep(0.5)
        yield bytes([byte])


def upsd_noise():
    yield random.Random(3).randbytes(300_000)


def many_upses():
    for number in range(60):
        yield f'UPS u{number} "{"z" * 10_000}"\n'.encode()


def hostile_upsd(site, options):
    """A NUT server whose values are markup, enormous, no numbers, slow or noise."""
    kinds = [
        (one_ups, one) for one in (upsd_markup, upsd_large, upsd_huge, upsd_numbers, upsd_drip, upsd_noise)
    ]
    serves = [answers(*kind) for kind in [*kinds, (many_upses, upsd_markup)]]
    return attack_over(site, options, site.evil, serves, ("/", "/ups", "/ups/rack@evil", "/events?tab=all"))


def attack_over(site, options, wire, kinds, pages):
    """Each kind for a share of `--seconds`; what is shown, stored beside it and taken of memory."""
    ingest, largest = site.processes["ingest"], 0
    memory(ingest.pid, reset=True)
    with watched(site, options) as watch:
        for kind in kinds:
            wire.attack(kind)
            time.sleep(max(options.seconds / 2, 8))
            expect(ingest.poll() is None, f"ingest has ended with {ingest.poll()} after {kind}")
            for page in pages:
                answer = site.get(page, {**site.auth("all"), "accept": "text/html"})
                largest = max(largest, len(answer.body))
                expect(answer.status in (200, 404), f"{page}: {answer.status}")
                bare = [mark for mark in BARE if mark in answer.body]
                expect(not bare, f"{page} shows {bare[0]!r}: {around(answer.body, bare[0])}" if bare else "")
        wire.attack(None)
    taken = memory(ingest.pid)
    expect(taken <= INGEST_MIB, f"ingest takes {taken:.0f} MiB")
    expect(largest <= 2_000_000, f"a page of {largest / 1e6:.1f} MB")
    site.gateway.pause()
    time.sleep(5)
    counted = count(site.gateway.sent, site.database)
    site.gateway.resume()
    expect(counted.complete, f"beside it {counted}")
    shown = f"{len(kinds)} kinds, pages up to {largest / 1000:.0f} KB, ingest {taken:.0f} MiB"
    return watch.result(f"{shown}, beside it {counted}")


def around(body, mark):
    at = body.index(mark)
    return re.sub(rb"\s+", b" ", body[max(0, at - 80) : at + 40])


ATTACKS = (hostile_gateway, hostile_upsd)
