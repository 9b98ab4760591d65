"""The gateway program at the end of a serial cable: a real pty, read with pyserial."""

import time

import pytest
import serial

from ingest.demo.radio.mains_sketches import LivingRoom
from tests.helpers.demo_gateway import running_gateway


def open_port(path):
    return serial.Serial(str(path), 115200, timeout=2)


def read_until(port, line):
    while got := port.readline():
        if got == line:
            return got
    raise TimeoutError(line)


def test_speaks_and_hears_over_a_pty(tmp_path):
    path = tmp_path / "ttyDEMO"
    with running_gateway(serial=path, nodes=(LivingRoom,)) as gateway, open_port(path) as port:
        assert gateway.address == f"serial {path}"
        port.write(b"0;255;3;0;2;\n")
        assert read_until(port, b"0;255;3;0;2;2.4.0-alpha\n")
        port.write(b"2;1;1;1;47;hi\r\n")
        assert read_until(port, b"2;1;1;1;47;hi\n")
        gateway.inject(b"7;1;1;0;0;21.5")
        assert read_until(port, b"7;1;1;0;0;21.5\n")
        gateway.reset()
        assert read_until(port, b"0;255;3;0;14;Gateway startup complete.\n")
    assert not path.is_symlink()


def test_opening_the_port_says_nothing(tmp_path):
    path = tmp_path / "ttyDEMO"
    with running_gateway(serial=path, nodes=()), open_port(path) as port:
        port.timeout = 0.3
        assert port.readline() == b""


def use(port):
    """Read and write until the port reports that it is gone."""
    for _ in range(3):
        port.read(1)
        port.write(b"0;255;3;0;2;\n")


def test_unplugged_and_back(tmp_path):
    path = tmp_path / "ttyDEMO"
    with running_gateway(serial=path, nodes=()) as gateway:
        with open_port(path) as port:
            gateway.unplug()
            with pytest.raises(serial.SerialException):
                use(port)
        with pytest.raises(serial.SerialException):
            open_port(path)
        gateway.inject(b"7;1;1;0;0;lost")
        time.sleep(0.05)
        gateway.plug()
        with open_port(path) as port:
            port.write(b"0;255;3;0;2;\n")
            assert port.readline() == b"0;255;3;0;2;2.4.0-alpha\n"


def test_nobody_reads_and_nothing_stops(tmp_path):
    path = tmp_path / "ttyDEMO"
    with running_gateway(serial=path, nodes=()) as gateway:
        for _ in range(2000):
            gateway.inject(b"7;1;1;0;0;21.5")
        with open_port(path) as port:
            time.sleep(0.1)
            port.reset_input_buffer()
            gateway.inject(b"7;1;1;0;0;22.5")
            assert read_until(port, b"7;1;1;0;0;22.5\n")
