"""The course of an outage from samples and events, without a file."""

import pytest

from ingest.playback.dummy_ups import format_dev, format_seq
from ingest.playback.frames import MARGIN_S, RecordedUps, ValueStep, bare_names, play
from ingest.recompute.replay import Span
from ingest.recompute.stored_samples import StoredSample

START = 1_800_000_000.0
OUTAGE = Span(START, START + 61)


def sample(second, status, watts=None, **figures):
    named = {name.replace("_", "."): value for name, value in figures.items()}
    return StoredSample(int(1000 + second), START + second, status, named, watts, None)


def rack(**fields):
    samples = [
        sample(-600, "OL", battery_charge=100, input_voltage=230),
        sample(3, "OB DISCHRG", battery_charge=99, input_voltage=0),
        sample(23, "OB DISCHRG", battery_charge=60, input_voltage=0),
        sample(43, "OB DISCHRG LB", battery_charge=15, input_voltage=0),
        sample(65, "OL CHRG", battery_charge=16, input_voltage=231),
    ]
    return RecordedUps(
        **{"name": "rack@closet", "label": "Rack", "samples": samples, "outages": [OUTAGE]} | fields
    )


def course(ups, name, span=OUTAGE):
    """(seconds since the outage began, value) of a variable, where it changes."""
    found = []
    for frame in play(ups, span).frames:
        value = frame.variables.get(name)
        if not found or found[-1][1] != value:
            found.append((round(frame.at - MARGIN_S, 3), value))
    return found


def waits(text):
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("TIMER")]


def lengths(text):
    """(status, seconds) in a `.seq` file."""
    found = []
    for line in text.splitlines():
        if line.startswith("ups.status"):
            found.append([line.partition(": ")[2], 0])
        elif line.startswith("TIMER"):
            found[-1][1] += int(line.split()[1])
    return [tuple(one) for one in found]


def test_the_outage_has_the_times_of_its_event_and_a_sample_counts_to_the_middle_of_two():
    assert course(rack(), "battery.charge") == [
        (-MARGIN_S, "100"), (0, "99"), (13, "60"), (33, "15"), (61, "16")
    ]  # fmt: skip
    assert course(rack(), "input.voltage") == [(-MARGIN_S, "230"), (0, "0"), (61, "231")]
    assert play(rack(), OUTAGE).seconds == 61 + 2 * MARGIN_S


def test_a_word_of_the_status_begins_with_its_event():
    low = {"LB": [Span(START + 38, START + 61)]}
    assert course(rack(words=low), "ups.status") == [
        (-MARGIN_S, "OL"), (0, "OB DISCHRG"), (38, "OB DISCHRG LB"), (61, "OL CHRG")
    ]  # fmt: skip
    # Low by charge alone: upsmon did not see LB before the device had it.
    concluded = {"LB": [Span(START + 3, START + 61)]}
    assert course(rack(words=concluded), "ups.status")[1:3] == [(0, "OB DISCHRG"), (33, "OB DISCHRG LB")]
    # Shorter than the time between two samples.
    late = {"FSD": [Span(START + 50, START + 60)]}
    assert course(rack(words=late), "ups.status")[-3:-1] == [(50, "OB DISCHRG LB FSD"), (60, "OB DISCHRG LB")]


def test_an_outage_between_two_samples_shows_nothing_that_was_not_measured():
    ups = rack(samples=rack().samples[:1])
    assert course(ups, "ups.status") == [(-MARGIN_S, "OL"), (0, "OB DISCHRG"), (61, "OL")]
    assert course(ups, "input.voltage") == [(-MARGIN_S, "230"), (0, None), (61, "230")]
    ups = rack(samples=rack().samples[1:2])
    assert course(ups, "ups.status") == [(-MARGIN_S, "OL"), (0, "OB DISCHRG"), (61, "OL")]
    assert course(ups, "input.voltage") == [(-MARGIN_S, None), (0, "0"), (61, None)]
    with pytest.raises(ValueError, match="rack@closet: no sample"):
        play(rack(samples=[]), OUTAGE)


def test_settings_and_silences_are_those_of_the_time():
    beeper = [
        ValueStep(float("-inf"), None),
        ValueStep(START + 5, "enabled"),
        ValueStep(START + 900, "muted"),
    ]
    ups = rack(steps={"ups.beeper.status": beeper}, silences=[Span(START + 20, START + 30)])
    assert course(ups, "ups.beeper.status") == [(-MARGIN_S, None), (5, "enabled")]
    played = play(ups, OUTAGE)
    assert [played.frame_at(MARGIN_S + at).is_stale for at in (19, 20, 29, 30, 900)] == [
        False, True, True, False, False
    ]  # fmt: skip


def test_watts_that_rest_on_the_config_are_served_as_such():
    loaded = [sample(0, "OB", watts=90.0, ups_load=10.0)]
    assert course(rack(samples=loaded), "ups.realpower") == [(-MARGIN_S, "90")]
    nominal = {"ups.realpower.nominal": "900"}
    assert course(rack(samples=loaded, constants=nominal), "ups.realpower") == [(-MARGIN_S, None)]


def test_a_seq_has_even_waits_and_begins_and_ends_on_mains():
    low = {"LB": [Span(START + 39, START + 61)]}
    ups = rack(words=low, constants={"ups.model": 'Ä "1" #2 = x\n', "bad name": "x", "device.mfr": "Eaton"})
    text = format_seq(play(ups, OUTAGE), "Outage 1\nups.status: OFF")
    assert text.startswith("# Outage 1 ups.status: OFF\nups.status: OL\n")
    assert all(wait % 2 == 0 and wait > 0 for wait in waits(text))
    status = lengths(text)
    assert [word for word, _ in status] == ["OL", "OB DISCHRG", "OB DISCHRG LB", "OL CHRG"]
    assert status[0][1] >= 10 <= status[-1][1]
    assert abs(status[1][1] + status[2][1] - 61) <= 1 and abs(status[2][1] - 22) <= 2
    assert 'ups.model: "A \\"1\\" \\#2 = x "\n' in text and "device.mfr: Eaton\n" in text
    assert "bad name" not in text
    assert "TIMER" not in format_dev(play(ups, OUTAGE), "x") and "ups.status: OL\n" in format_dev(
        play(ups, OUTAGE), "x"
    )


# Milliseconds as they are stored: their midpoints have no exact number.
@pytest.mark.parametrize("ms", [(0,) * 10, (219, 731, 97, 403, 877, 11, 659, 343, 521, 289)])
def test_each_sample_counts_for_the_time_around_it(ms):
    samples = [sample(-40, "OL", ups_load=20)]
    samples += [sample(10 * number + one / 1000, "OB", ups_load=40 + number) for number, one in enumerate(ms)]
    span = Span(START, START + 100)
    ups = rack(samples=samples, outages=[span])
    assert [value for _, value in course(ups, "ups.load", span)] == ["20", *map(str, range(40, 50)), "20"]
    found = waits(format_seq(play(ups, span), "x"))[1:-1]
    assert found == [6, *[10] * 8, 14] if not any(ms) else sum(found) == 100


def test_two_states_within_a_second_are_both_in_the_seq():
    short = Span(START, START + 0.4)
    text = format_seq(play(rack(outages=[short], samples=rack().samples[:1]), short), "x")
    assert [word for word, _ in lengths(text)] == ["OL", "OB DISCHRG", "OL"]
    assert lengths(text)[1][1] == 2


def test_a_name_that_two_servers_have():
    assert bare_names(["rack@closet", "rack@shed", "garage"]) == {
        "rack@closet": "rack", "rack@shed": "rack-shed", "garage": "garage"
    }  # fmt: skip
