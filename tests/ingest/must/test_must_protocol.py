"""Frames and registers of the EP20: captured answers field by field, and every way an answer can be wrong."""

import pytest

from ingest.demo.ups import ep20
from ingest.must import errors, protocol, registers
from ingest.must.faults import fault_text
from tests.ingest.must.frames import ON_BATTERY_FRAME, ON_LINE_FRAME, changed, frame

TRUTH = {
    "ups.status": ("OB DISCHRG", "OL"),
    "experimental.must.work.state": ("backup", "line"),
    "ups.realpower.nominal": ("1000", "1000"),
    "battery.voltage.nominal": ("12", "12"),
    "input.voltage": ("0.0", "223.0"),
    "input.frequency": ("0.0", "50.0"),
    "output.voltage": ("220.9", "222.8"),
    "output.frequency": ("50.0", "50.0"),
    "output.current": ("0.7", "1.3"),
    "ups.realpower": ("114", "172"),
    "ups.power": ("172", "299"),
    "ups.load": ("11", "17"),
    "battery.voltage": ("12.3", "13.5"),
    "battery.current": ("-8.6", "1.6"),
    "battery.charge": ("52", "100"),
    "ups.temperature": ("32", "32"),
    "experimental.must.load.state": ("normal", "normal"),
    "experimental.must.avr.state": ("boost", "bypass"),
    "experimental.must.buzzer.state": ("off", "off"),
    "experimental.must.fault": ("none", "none"),
    "experimental.must.alarm": ("none", "none"),
    "experimental.must.charge.stage": ("constant current", "float"),
    "experimental.must.charge.flag": ("no", "yes"),
    "experimental.must.main.switch": ("on", "on"),
    "experimental.must.delay.type": ("long delay", "long delay"),
    "battery.charger.status": ("discharging", "floating"),
    "ups.firmware": ("36402", "36402"),
    "device.type": ("ups", "ups"),
    "device.mfr": ("MUST", "MUST"),
    "device.model": ("EP20", "EP20"),
    "experimental.must.machine.type": ("2", "2"),
}


def words(**values: int) -> set[str]:
    return set(registers.status_variables(changed(**values))["ups.status"].split())


@pytest.mark.parametrize(("raw", "column"), [(ON_BATTERY_FRAME, 0), (ON_LINE_FRAME, 1)])
def test_captured_answers_field_by_field(raw, column):
    variables = registers.status_variables(protocol.parse_read(raw, 27))
    assert variables == {name: values[column] for name, values in TRUTH.items()}


def test_captured_answers_are_the_presets_of_the_demo_device():
    assert protocol.parse_read(ON_BATTERY_FRAME, 27) == ep20.ON_BATTERY
    assert protocol.parse_read(ON_LINE_FRAME, 27) == ep20.ON_LINE


@pytest.mark.parametrize(
    ("request_", "wire"),
    [
        (protocol.format_read(30000, 27), "0A 03 75 30 00 1B 1E B9"),
        (protocol.format_read(30000, 25), "0A 03 75 30 00 19 9F 78"),
        (protocol.format_read(31000, 10), "0A 03 79 18 00 0A 5D ED"),
        (protocol.format_read(31000, 18), "0A 03 79 18 00 12 5D E7"),
        (protocol.format_write(31006, [1]), "0A 10 79 1E 00 01 02 00 01 FF D9"),
        (protocol.format_write(31006, [0]), "0A 10 79 1E 00 01 02 00 00 3E 19"),
    ],
)
def test_requests_are_the_known_frames(request_, wire):
    assert request_ == bytes.fromhex(wire)


SOUND = frame(changed())


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", errors.ShortAnswerError),
        (SOUND[:40], errors.ShortAnswerError),
        (SOUND[:-1], errors.ShortAnswerError),
        (SOUND + b"\x00", errors.LongAnswerError),
        (SOUND + b"\x55", errors.LongAnswerError),
        (SOUND[:20] + bytes([SOUND[20] ^ 1]) + SOUND[21:], errors.CrcMismatchError),
        (b"\x0b" + SOUND[1:], errors.CrcMismatchError),
        (SOUND[:-2] + SOUND[:-3:-1], errors.CrcMismatchError),
        (frame(changed(), unit=5), errors.WrongUnitError),
        (frame(changed(), function=4), errors.WrongFunctionError),
        (frame(changed()[:10]), errors.WrongCountError),
        (frame((*changed(), 0)), errors.WrongCountError),
        (protocol.add_crc(bytes([10, 3, 52]) + SOUND[3:-2]), errors.WrongCountError),
        (bytes.fromhex("0A 83 02 B1 33"), errors.ExceptionAnswerError),
        (bytes.fromhex("0A 83 02 B1 34"), errors.CrcMismatchError),
        (protocol.add_crc(bytes([10, 0x90, 2])), errors.WrongFunctionError),
    ],
)
def test_wrong_answers_are_told_apart_and_keep_their_bytes(raw, error):
    with pytest.raises(errors.MustError) as caught:
        protocol.parse_read(raw, 27)
    assert type(caught.value) is error
    assert caught.value.raw == raw


def test_exception_answer_names_its_reason():
    with pytest.raises(errors.ExceptionAnswerError, match="illegal data address") as caught:
        protocol.parse_read(bytes.fromhex("0A 83 02 B1 33"), 27)
    assert (caught.value.code, caught.value.outcome) == (2, "exception")


def test_every_single_damaged_byte_is_noticed():
    for position in range(len(ON_LINE_FRAME)):
        damaged = bytearray(ON_LINE_FRAME)
        damaged[position] ^= 0x40
        with pytest.raises(errors.CrcMismatchError):
            protocol.parse_read(bytes(damaged), 27)


def test_write_answers_must_name_the_register_written():
    protocol.parse_write(protocol.add_crc(bytes.fromhex("0A 10 79 1E 00 01")), 31006, 1)
    with pytest.raises(errors.WrongEchoError):
        protocol.parse_write(protocol.add_crc(bytes.fromhex("0A 10 79 1F 00 01")), 31006, 1)


@pytest.mark.parametrize("values", [{"r30002": 0}, {"r30004": 0}])
def test_zeros_are_refused_though_the_frame_is_sound(values):
    with pytest.raises(errors.ZeroAnswerError) as caught:
        registers.status_variables(changed(**values))
    assert caught.value.outcome == "zeros"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"r30002": 1}, {"WAIT"}),
        ({"r30002": 2}, {"WAIT"}),
        ({"r30002": 3, "r30017": 80}, {"OB", "DISCHRG"}),
        ({"r30002": 3, "r30017": 80, "r30019": 2}, {"OB", "DISCHRG"}),
        ({"r30002": 3, "r30017": 20}, {"OB", "DISCHRG", "LB"}),
        ({"r30002": 4, "r30017": 5}, {"OL"}),
        ({"r30002": 4, "r30023": 0, "r30024": 1, "r30015": 50}, {"OL", "CHRG"}),
        ({"r30002": 4, "r30023": 1, "r30024": 1, "r30015": 0}, {"OL"}),
        ({"r30002": 4, "r30023": 0, "r30024": 0, "r30015": 50}, {"OL"}),
        ({"r30019": 1}, {"OL", "TRIM"}),
        ({"r30019": 2}, {"OL", "BOOST"}),
        ({"r30019": 4}, {"OL", "BOOST"}),
        ({"r30002": 5}, {"OFF"}),
        ({"r30002": 6}, {"OFF"}),
        ({"r30002": 7}, {"OL", "CHRG"}),
        ({"r30002": 8}, {"WAIT"}),
        ({"r30002": 99}, {"WAIT"}),
        ({"r30013": 1}, {"OL"}),
        ({"r30013": 2}, {"OL", "OVER"}),
        ({"r30022": 0b00010}, {"OL", "LB"}),
        ({"r30022": 0b00100}, {"OL", "OVER"}),
        ({"r30022": 0b01000}, {"OL", "HB"}),
        ({"r30022": 0b10000}, {"OL", "ALARM"}),
        ({"r30022": 0b100001}, {"OL"}),
        ({"r30021": 7}, {"OL", "ALARM"}),
    ],
)
def test_status_words(values, expected):
    assert words(**values) == expected


def test_faults_are_told_in_words_and_unknown_ones_kept():
    assert registers.status_variables(changed(r30021=5))["ups.alarm"] == "output short circuited (fault 5)"
    assert (
        registers.status_variables(changed(r30021=99, r30022=16))["ups.alarm"] == "fault 99; parameter error"
    )
    assert "ups.alarm" not in registers.status_variables(changed())
    assert fault_text(41) == "grid voltage low (fault 41)"


def test_alarm_bits_without_a_name_are_kept():
    told = registers.status_variables(changed(r30022=0b100110))["experimental.must.alarm"]
    assert told == "battery voltage low, overload, bit 5"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"r30015": 16, "r30023": 2}, "floating"),
        ({"r30015": 65, "r30023": 0}, "charging"),
        ({"r30015": 0, "r30023": 0}, "resting"),
        ({"r30015": 0xFFFF, "r30023": 0}, "discharging"),
        ({"r30015": 0xFFFF, "r30023": 2}, "floating"),
        ({"r30024": 0, "r30015": 0}, "resting"),
        ({"r30002": 7, "r30023": 1}, "charging"),
    ],
)
def test_charger_status(values, expected):
    assert registers.status_variables(changed(**values))["battery.charger.status"] == expected


def test_negative_temperature():
    assert registers.status_variables(changed(r30018=0xFFFB))["ups.temperature"] == "-5"


def test_settings_with_their_inverted_switches():
    assert registers.setting_variables((1, 230, 105, 141, 135, 20, 1, 1, 0, 1, 7)) == {
        "input.frequency.nominal": "60",
        "input.voltage.nominal": "230",
        "battery.voltage.low": "10.5",
        "battery.voltage.high": "14.1",
        "experimental.battery.voltage.float": "13.5",
        "experimental.battery.charger.current": "20",
        "ups.beeper.status": "disabled",
        "experimental.battery.charger.grid": "disabled",
        "experimental.ups.keysound": "enabled",
        "experimental.ups.backlight": "enabled",
        "experimental.must.31010": "7",
    }
