"""The whole ingest process with an EP20 on a pseudo terminal, and outages known to the millisecond.

How soon something is noticed is a matter of `test_ups_pace`; here a busy machine may take its time.
"""

import pytest

from ingest.demo.ups.ep20 import ON_BATTERY, ON_LINE, DemoEP20
from ingest.demo.ups.models import DemoUps
from ingest.demo.ups.upsd import DemoUpsd
from tests.ingest.nut.lab import until
from tests.ingest.ups.ingest_process import IngestProcess, at, gaps, now
from tests.ingest.ups.placed_orders import ended, order, soon

STATUS_S = 0.5
STEPS_W = 160  # from the lowest load of the rack to the highest one
CONFIG = """
must:
  - {{name: garage, serial: {device}, poll_s: 1, status_s: 0.5}}
nut:
  - {{name: closet, port: {port}, poll_s: 4, status_s: 0.5}}
ups: {{garage: {{commands: [beeper.disable]}}}}
"""


class Story:
    """A UPS that does what the test says, and remembers since when."""

    def __init__(self):
        self.outages = []

    def start(self):
        self.outages.append([now(), None])

    def end(self):
        self.outages[-1][1] = now()

    def watts(self, t):
        return 300 + 40 * (int(t) % 5)  # steps of one second

    def variables(self, t):
        on_battery = bool(self.outages) and self.outages[-1][1] is None
        charge = 100 - 2 * (t - self.outages[-1][0]) if on_battery else 100
        return {
            "ups.status": "OB DISCHRG" if on_battery else "OL",
            "ups.realpower": f"{self.watts(t):.0f}",
            "battery.charge": f"{charge:.0f}",
            "input.voltage": "0.0" if on_battery else "230.0",
        }

    def truth(self, start, end, steps=20_000):
        """Wh from start to end."""
        width = (end - start) / steps
        return sum(self.watts(start + (step + 0.5) * width) for step in range(steps)) * width / 3600


@pytest.fixture(scope="module")
def story():
    return Story()


@pytest.fixture(scope="module")
def frames():
    return {"now": ON_LINE}


@pytest.fixture(scope="module")
def device(frames, tmp_path_factory):
    with DemoEP20(lambda t: frames["now"], link=tmp_path_factory.mktemp("tty") / "ep20") as device:
        yield device


@pytest.fixture(scope="module")
def ingest(story, device, tmp_path_factory):
    with DemoUpsd({"rack": DemoUps("Rack", story.variables)}) as upsd:
        ingest = IngestProcess(
            tmp_path_factory.mktemp("must"), CONFIG.format(device=device.device, port=upsd.port)
        )
        ingest.upsd = upsd
        with ingest:
            ingest.wait_sample("garage")
            ingest.wait_sample("rack@closet")
            story.start()
            yield ingest


def test_a_frame_becomes_the_figures_it_carries(ingest):
    sample = ingest.samples("garage")[0]
    assert (sample["ups_status"], sample["input_voltage"], sample["output_current"], sample["watts"]) == (
        "OL",
        223.0,
        1.3,
        172,
    )
    assert (sample["battery_current"], sample["battery_charge"], sample["ups_load"]) == (1.6, 100, 17)
    assert sample["watts_rule"] == "measured"
    held = ingest.rows(
        "select variable, value from ups_variables v join ups u on u.id = v.ups where u.name = 'garage'"
    )
    held = {row["variable"]: row["value"] for row in held}
    assert held["battery.voltage.low"] == "10.5" and held["ups.beeper.status"] == "enabled"


def test_a_listed_command_is_done_and_shows(ingest, device):
    controls = until(
        lambda: ingest.rows(
            "select kind, c.name, description, listed from ups_controls c join ups u on u.id = c.ups "
            "where u.name = 'garage' order by c.name"
        ),
        bool,
    )
    assert [tuple(row.values()) for row in controls] == [
        ("command", "beeper.disable", "Turn the beeper off", 1),
        ("command", "beeper.enable", "Turn the beeper on", 0),
        ("command", "experimental.must.reset", "Reset the inverter", 0),
        ("command", "shutdown.return", "Turn the load off, and on when mains are back", 0),
    ]
    done = ended(ingest, order(ingest, "beeper.disable", ups="garage"))
    assert (done["state"], done["reason"]) == ("done", "") and done["sent_at"] <= done["done_at"]
    assert device.settings[6] == 1
    assert until(
        lambda: ingest.rows("select variable, old, value from ups_variable_changes"),
        bool,
    ) == [{"variable": "ups.beeper.status", "old": "enabled", "value": "disabled"}]
    refused = ended(ingest, order(ingest, "beeper.enable", ups="garage"))
    assert refused["state"] == "failed" and "beeper.enable is not listed" in refused["reason"]
    device.fail("silent")
    expired = ended(ingest, order(ingest, "beeper.disable", ups="garage", expires_at=soon(2)), 15)
    device.fail(None)
    assert expired["state"] == "expired" and not expired["sent_at"]
    assert sum(request[1] == 16 for request in device.requests) == 1
    assert ingest.rows("select actor, subject, detail, outcome from audit")[0] == {
        "actor": "owner",
        "subject": "garage",
        "detail": "beeper.disable",
        "outcome": "done",
    }
    ingest.wait_sample("garage", now())


def test_an_outage_at_the_ep20_and_its_thresholds(ingest, frames):
    began = now()
    frames["now"] = ON_BATTERY
    event = ingest.wait_event("garage", "ONBATT")
    assert at(event["started_at"]) >= began
    ingest.wait_sample("garage", at(event["started_at"]))
    ended = now()
    frames["now"] = ON_LINE
    event = ingest.wait_event("garage", "ONBATT", is_open=False)
    assert at(event["ended_at"]) >= ended
    figures = event["figures"]
    assert figures["wh"] == pytest.approx(114 * figures["metered_s"] / 3600, rel=0.01)
    if event["complete"]:
        assert figures["metered_s"] == pytest.approx(figures["seconds"], abs=0.01)
    sample = next(s for s in ingest.samples("garage") if s["ups_status"] == "OB DISCHRG")
    assert (sample["battery_current"], sample["input_voltage"], sample["battery_charge"]) == (-8.6, 0.0, 52)
    assert ingest.events("garage", "INPUT_LOW") == []  # one cause, one event


def test_a_setting_changed_at_the_device_is_history_after_a_restart_too(ingest, device):
    device.settings[2] = 110
    assert ingest.stop() == 0
    ingest.start()
    changes = until(
        lambda: ingest.rows("select * from ups_variable_changes where variable <> 'ups.beeper.status'"), bool
    )
    assert [(row["variable"], row["old"], row["value"]) for row in changes] == [
        ("battery.voltage.low", "10.5", "11.0")
    ]


@pytest.mark.parametrize(("fault", "outcome"), [("crc", "crc"), ("zeros", "zeros")])
def test_bad_answers_store_no_sample_and_are_told_apart(ingest, device, fault, outcome):
    ingest.wait_sample("garage", now())
    device.fail(fault)

    def failures():
        """The outcomes of COMMBAD. A device that is too busy to answer in time has another one."""
        figures = ingest.wait_event("garage", "COMMBAD")["figures"]
        assert figures["where"] == "device"
        return [found for found in figures["outcomes"] if found != "timeout"]

    # The event of another failure within the last minute goes on.
    assert until(failures, lambda found: outcome in found)[-1] == outcome
    assert until(lambda: ingest.polls("garage")[-1]["outcome"], lambda found: found == outcome) == outcome
    failing_since = at(ingest.polls("garage")[-1]["started_at"])
    healed = now()
    device.fail(None)
    sample = ingest.wait_sample("garage", failing_since)
    assert at(sample["sampled_at"]) > healed
    ingest.wait_event("garage", "COMMBAD", is_open=False)
    assert ingest.events("garage", "ONBATT")[-1]["ended_at"] and len(ingest.events("garage", "ONBATT")) == 1


def test_unplugged_and_plugged_in_again(ingest, device):
    device.unplug()
    outcomes = until(
        lambda: ingest.wait_event("garage", "COMMBAD")["figures"]["outcomes"],
        lambda outcomes: "port" in outcomes,
    )
    assert "port" in outcomes
    assert "does not exist" in until(
        lambda: ingest.status("garage")["detail"], lambda detail: "does not exist" in detail
    )
    plugged = now()
    device.plug()
    ingest.wait_sample("garage", plugged)
    ingest.wait_event("garage", "COMMBAD", is_open=False)


def play_outage(ingest, story):
    """An outage of 8 s; returns its event, and the samples in it."""
    story.start()
    ingest.wait_event("rack@closet", "ONBATT")
    began = story.outages[-1][0]
    assert until(now, lambda t: t - began > 8) - began > 8
    story.end()
    event = ingest.wait_event("rack@closet", "ONBATT", is_open=False)
    samples = [s for s in ingest.samples("rack@closet") if at(s["sampled_at"]) > began]
    return event, [s for s in samples if s["ups_status"] == "OB DISCHRG"]


def test_an_outage_with_a_load_that_steps_every_second_is_measured(ingest, story):
    story.end()  # the one that the restart above cut in two
    cut = ingest.wait_event("rack@closet", "ONBATT", is_open=False)
    assert cut["complete"] == 0 and cut["figures"]["covered_s"] < cut["figures"]["seconds"]
    assert cut["figures"]["wh"] < story.truth(at(cut["started_at"]), at(cut["ended_at"]))
    for _ in range(5):  # on a machine so busy that polls are missed, an outage is rightly incomplete
        event, samples = play_outage(ingest, story)
        if event["complete"]:
            break
    assert event["complete"] == 1
    start, end = at(event["started_at"]), at(event["ended_at"])
    mains_out, mains_back = story.outages[-1]
    assert mains_out <= start <= at(samples[0]["sampled_at"]) and at(samples[-1]["sampled_at"]) < end
    assert mains_back <= end and event["figures"]["samples"] == len(samples)
    truth = story.truth(start, end)
    # Each late poll hides a step or two, and the first and last poll are up to STATUS_S from the ends.
    late = STATUS_S + sum(gap for gap in gaps(samples, start, end) if gap > 1.5 * STATUS_S)
    assert abs(event["figures"]["wh"] - truth) <= 0.02 * truth + late * STEPS_W / 3600
    hourly = ingest.rows(
        """select sum(on_battery_s) as s from ups_samples_hourly h join ups u on u.id = h.ups
        where u.name = 'rack@closet'"""
    )
    outages = ingest.events("rack@closet", "ONBATT")
    covered = sum(outage["figures"]["covered_s"] for outage in outages)
    assert hourly[0]["s"] == pytest.approx(covered, abs=1.25 * len(outages))


def test_a_ups_that_joins_the_server_is_found(ingest, story):
    ingest.upsd.upses["shed"] = DemoUps("Shed", lambda t: {"ups.status": "OL", "ups.load": "10"})
    ingest.upsd.fail("drop")
    assert until(lambda: ingest.status("closet")["state"], lambda state: state == "lost") == "lost"
    ingest.upsd.heal()
    ingest.wait_sample("shed@closet")
    assert ingest.rows("select label, source from ups where name = 'shed@closet'") == [
        {"label": "Shed", "source": "closet"}
    ]
