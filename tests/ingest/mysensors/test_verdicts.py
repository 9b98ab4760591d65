"""Which readings count: impossible values and error codes of sensors do not, unusual ones do."""

import random

import pytest

from ingest.mysensors.anomalies import UsualRange
from ingest.mysensors.protocol import Presentation, SetReq, parse_number
from ingest.mysensors.sensor_errors import ERROR_CODES, MEASURED
from ingest.mysensors.verdicts import COUNTS, ReadingRule


def assess(type, *texts, sensor=None):
    """The texts of a channel that do not count, one after the other, and those that count and are odd."""
    rule = ReadingRule(SetReq[type], type, UsualRange())
    found = [(text, rule.assess(parse_number(text), text, sensor)) for text in texts]
    return [text for text, verdict in found if verdict.wrong], [t for t, verdict in found if verdict.odd]


def around(value, count=60, step=0.1, digits=2):
    """Readings near a value, none of them exactly equal to the one before."""
    return [f"{value + step * (n % 7 - 3):.{digits}f}" for n in range(count)]


ERRORS = [  # type, usual value, step, what a failing sensor reports
    (
        "V_TEMP",
        20.5,
        0.1,
        "-127 -127.00 85 85.0 85.00 nan NAN -nan inf INF ovf 998 999.00 -999 255 -46.85 -46.9",
    ),
    (
        "V_TEMP",
        20.5,
        0.1,
        "128.87 130.00 0 0.0 0.00 -40.0 -45.00 -50 150.0 53.33 1200.31 -3273.0 2047.75 -196.6",
    ),
    ("V_TEMP", 20.5, 0.1, "-252 -253 -254 65535 -32768 4294967295 2147483647 -26240"),
    ("V_TEMP", -18.2, 0.2, "85 -127 125"),
    ("V_TEMP", 68.5, 0.3, "185.0 -196.6"),  # °F
    ("V_TEMP", 55.2, 0.5, "85.0"),  # a water pipe
    ("V_HUM", 51.3, 0.4, "nan 0 0.0 -6.00 118.99 998 999 3276.7 255 -999"),
    ("V_PRESSURE", 1013.2, 0.3, "0 0.00 nan 65535 -999 4294967295"),
    ("V_PRESSURE", 101.32, 0.03, "0.0 nan"),  # kPa
    ("V_DISTANCE", 120.5, 1, "0 8190 8191 65535 nan"),
    ("V_LEVEL", 450.5, 5, "65535 4294967295 -999 -1 nan"),
    ("V_LIGHT_LEVEL", 40.5, 3, "-1 65535 nan"),
    ("V_WATT", 350.5, 40, "4294967295 65535 nan"),
    ("V_KWH", 1234.5, 0.1, "4294967295 4294967296 -1 nan inf"),
    ("V_VOLUME", 12.345, 0.01, "4294967295 nan"),
    ("V_VOLTAGE", 230.5, 1, "-1.00 65535 nan"),
    ("V_CURRENT", 1.5, 0.2, "-1 999 nan"),
    ("V_WEIGHT", 71.5, 0.2, "8388607 -8388608 nan"),
    ("V_PH", 7.1, 0.05, "-1 65535 nan"),
    ("V_UV", 3.2, 0.2, "-999 255 nan"),
    ("V_WIND", 4.4, 0.6, "-999 65535 nan"),
    ("V_DIRECTION", 181.5, 20, "65535 -1 nan"),
    ("V_EC", 410.5, 9, "65535 -1 nan"),
    ("V_TEMP", 20.5, 0.1, "error ERR fail N/A -- none null timeout unavailable"),
]


@pytest.mark.parametrize(
    ("type", "usual", "step", "text"), [(*row[:3], text) for row in ERRORS for text in row[3].split()]
)
def test_an_error_of_a_sensor_does_not_count(type, usual, step, text):
    readings = around(usual, step=step)
    assert assess(type, *readings, text, *readings[:5]) == ([text], [])


@pytest.mark.parametrize("text", ["", "--", "soft reset"])
def test_a_text_does_not_count_where_numbers_are_usual(text):
    assert assess("V_TEMP", *around(20.5), text) == ([text], [])


COUNTING = [  # type, readings that all count
    ("V_TEMP", [*around(84.9, step=0.1), "85", "85.0", "85.00", "84.94"]),  # a boiler
    ("V_TEMP", ["60.5", "65.06", "70.12", "76", "81.5", "85.0", "85.06"]),
    ("V_TEMP", [*around(3.5, step=0.5), "1.2", "0.6", "0.0", "0", "-0.5"]),
    ("V_TEMP", [*around(-17.5, step=0.8), "-20", "-28.1", "-35", "-40.0", "-42"]),
    ("V_TEMP", ["85.0"] * 30),
    ("V_TEMP", ["0.0", "0.0", "1.1"]),
    ("V_TEMP", [f"{20 + 20 * (n % 5)}" for n in range(60)] + ["85"]),  # 20 to 100: a kettle
    ("V_TEMP", [*around(20.5), "31.4", "42.7", "500"]),  # far outside, and possible
    ("V_HUM", [*around(8.5, step=1, digits=1), "0", "3"]),
    ("V_PRESSURE", [*around(1013), "999", "998"]),
    ("V_PRESSURE", ["2.4", "2.2", "0.0", "1.9"]),  # water, bar
    ("V_DISTANCE", [*around(2.5, step=0.5), "0", "1"]),
    ("V_LEVEL", [*around(300, step=4), "0", "310"]),  # lux, a lamp
    ("V_WATT", [*around(20, step=2), "999", "0", "-1", "2400"]),
    ("V_KWH", ["998.7", "998.8", "999", "999.1"]),
    ("V_VOLTAGE", ["230.1", "229.8", "0", "230.2"]),  # mains that failed
    ("V_STATUS", ["1", "0", "nan", "85", "-127", ""]),
    ("V_TEXT", ["nan", "-127", "85"]),
    ("V_VAR1", [*around(20), "-127", "nan", "65535"]),
    ("V_CUSTOM", [*around(20), "-127", "65535"]),
    ("V_TEMP", ["20,5", "20,6", "20,4"]),
]


@pytest.mark.parametrize(("type", "texts"), COUNTING)
def test_a_possible_value_counts(type, texts):
    assert assess(type, *texts)[0] == []


def test_zero_is_an_error_of_a_carbon_dioxide_sensor_alone():
    readings = [*around(600, step=9), "0"]
    assert assess("V_LEVEL", *readings, sensor=Presentation.S_AIR_QUALITY)[0] == ["0"]
    assert assess("V_LEVEL", *readings, sensor=Presentation.S_LIGHT_LEVEL)[0] == []


def test_an_outlier_counts_and_is_odd():
    assert assess("V_TEMP", *around(20.5), "412") == ([], ["412"])


@pytest.mark.parametrize("texts", [["85", "85.0", "20.5"], ["85", "21"], ["0"] * 40 + ["22.5"]])
def test_first_readings_that_are_one_error_code_are_doubted_by_what_follows(texts):
    rule = ReadingRule(SetReq.V_TEMP, "V_TEMP", UsualRange())
    verdicts = [rule.assess(parse_number(text), text) for text in texts]
    assert [verdict.wrong for verdict in verdicts] == [None] * len(texts)
    assert [verdict.doubts for verdict in verdicts] == [False] * (len(texts) - 1) + [True]
    assert rule.assess(85.0, "85").wrong


def test_readings_that_count_need_no_more_than_a_reason():
    rule = ReadingRule(SetReq.V_TEMP, "V_TEMP", UsualRange())
    for text in around(20.5):
        rule.assess(parse_number(text), text)
    assert (
        rule.assess(85.0, "85").wrong == "85 is the power-on value of a DS18B20: the reading before was 20.5"
    )
    assert rule.assess(None, "nan").wrong == "'nan' is no reading: the sensor did not answer"
    assert rule.assess(-127.0, "-127").wrong == "-127 is impossible for V_TEMP: -100 to 1000 is possible"


def test_the_short_way_of_usual_readings_finds_what_the_rule_finds():
    rnd = random.Random(5)
    taken = 0
    for type in sorted(MEASURED):
        codes = [*ERROR_CODES[type]]
        for held in (None, *codes):
            rule, short = (ReadingRule(type, SetReq(type).name, UsualRange()) for _ in range(2))
            for place in range(50):
                number = rnd.choice((20.5, 20.6, 20.7))
                if place < 35 and held is not None:
                    number = held
                elif place >= 35:
                    number = rnd.choice((number, 230.0, None, rnd.choice(codes)))
                is_taken = short.takes(number)
                found = COUNTS if is_taken else short.assess(number, str(number))
                assert found == rule.assess(number, str(number)), (type, held, place)
                assert short.last == rule.last
                taken += is_taken
    assert taken > 1000
