"""What happens to one UPS: a state machine from polls to events that open, change and close. Pure.

Events bear upsmon's names: ONBATT is an outage from start to end, COMMBAD the time without data. A poll that fails, or
one that says WAIT, neither opens nor closes what it says nothing of; it makes what is open incomplete.
"""

from ingest.ups.energy import Observation, covered_seconds
from ingest.ups.limits import THRESHOLDS, Limits, effective_limit
from ingest.ups.outage import OutageFigures
from ingest.ups.records import CLOSED, OPENED, UPDATED, Event, Failed
from ingest.ups.self_test import SelfTest
from ingest.ups.status import status_tokens

TOKEN_EVENTS = ("OFF", "BYPASS", "TRIM", "BOOST", "FSD", "CAL")
TESTS = ("test.battery.start", "test.system.start")  # commands that begin so start a test
OVERLOAD = 100.0  # % of load
REPLACE_SAMPLES, REPLACE_S = 2, 60.0  # RB has to stay that long: some UPSes raise it for a moment
FAILURES = 2  # failed polls one after the other are COMMBAD
VOLTAGES = 2  # samples one after the other out of range are VOLTAGE


class EventMachine:
    """One UPS. `apply_poll()` and `apply_command()` return what changed as (OPENED | UPDATED | CLOSED, Event), in order.

    `open_events` are those that a daemon before this one left open; they go on and are marked incomplete. `test` is what
    was last known of ups.test.result and ups.test.date. `discharging_is_outage` makes `OL DISCHRG` with the input below
    its transfer voltage an outage, for UPSes that never say OB.
    """

    def __init__(self, limits=Limits(), discharging_is_outage=False, open_events=(), test=(None, None)):
        self.limits = limits
        self.discharging_is_outage = discharging_is_outage
        self.open = {}
        self._outage = None
        self._test = SelfTest(*test)
        self._last = None  # the last good look
        self._figures = {}  # of the last full one
        self._failures = []
        self._replace_since, self._replace_samples = None, 0
        self._strayed = []  # full looks with a voltage out of range, one after the other
        self._changes = []
        for event in open_events:
            self.open[event.event] = event
            if event.event != "COMMBAD":
                event.complete = False
            if event.event == "ONBATT":
                self._outage = OutageFigures(event.figures)
            self._changes.append((UPDATED, event))

    def apply_poll(self, poll):
        """A poll, Good or Failed, in order of time."""
        if isinstance(poll, Failed):
            self._fail(poll)
        elif status_tokens(poll.status) or (poll.variables is not None and not poll.status):
            self._look(poll, status_tokens(poll.status))
        return self._take()

    def apply_command(self, at, monotonic, command, by, sure=True):
        """We sent an instant command; one that starts a test opens TEST, or tells who asked for one that is open since."""
        if not command.startswith(TESTS):
            return self._take()
        event = self.open.get("TEST")
        asked = {"started_by": by, "command": command}
        if event is not None and event.started >= at:
            event.figures.update(asked)
            self._changes.append((UPDATED, event))
        elif event is None and sure:
            self._test.order(monotonic)
            self._open("TEST", at, figures=asked | self._before_test())
        return self._take()

    def retire(self, at, words):
        """The UPS is gone for good: whatever is open ends here, unseen."""
        for event in list(self.open.values()):
            event.complete = False
            event.detail = "; ".join(filter(None, (event.detail, words)))
            self._close(event.event, at)
        self._outage = None
        return self._take()

    def _take(self):
        changes, self._changes = self._changes, []
        return changes

    # Polls that fail.

    def _fail(self, poll):
        self._failures.append(poll)
        for event in self.open.values():
            if event.event == "COMMBAD":
                continue
            if event.complete or event.event == "ONBATT":
                event.complete = False
                self._changes.append((UPDATED, event))
        if self._outage is not None:
            self._outage.miss()
        comm = self.open.get("COMMBAD")
        if comm is not None:
            figures = comm.figures
            figures["failed_polls"] = figures.get("failed_polls", 0) + 1
            if poll.outcome not in figures.setdefault("outcomes", [poll.outcome]):
                figures["outcomes"].append(poll.outcome)
                self._changes.append((UPDATED, comm))
        elif len(self._failures) >= FAILURES:
            first = self._failures[0]
            figures = {
                "where": first.where,
                "outcome": first.outcome,
                "outcomes": list(dict.fromkeys(failed.outcome for failed in self._failures)),
                "failed_polls": len(self._failures),
            }
            self._open("COMMBAD", first.at, f"{first.where}: {first.message}", figures)
        del self._failures[FAILURES:]

    # Polls that are answered.

    def _look(self, poll, words):
        observation = Observation(poll.at, poll.monotonic, poll.watts, words, poll.interval_s)
        seamless = (
            not self._failures
            and self._last is not None
            and covered_seconds(self._last, observation) is not None
        )
        if not seamless:
            self._lose_sight(observation)
        self._failures = []
        self._close("COMMBAD", poll.at)
        if poll.variables is not None or "TEST" in words:
            self._test_of(poll, words)
        if words:
            self._mains(poll, observation, seamless)
            for word in TOKEN_EVENTS:
                self._set(word, word in words, poll.at, seamless)
            self._alarm(poll, words, seamless)
            self._replace(poll, words)
            self._set(
                "LOWBATT", "LB" in words and ("OB" in words or "LOWBATT" in self.open), poll.at, seamless
            )
        if poll.figures is not None:
            self._sample(poll, words, observation, seamless)
        elif "OVER" in words:
            self._set("OVER", True, poll.at, seamless)
        self._last = observation

    def _lose_sight(self, observation):
        """Nobody saw what was between the last good look and this one."""
        if self._outage is not None:
            self._outage.gap()
        if self._last is None:
            return  # after a start: what was open is marked already
        for event in self.open.values():
            if event.complete and event.event != "COMMBAD":
                event.complete = False
                self._changes.append((UPDATED, event))

    def _on_battery(self, words, figures):
        """True, False, or None where the status does not tell."""
        if "OB" in words:
            return True
        if "OL" not in words:
            return None
        if self.discharging_is_outage and "DISCHRG" in words:
            if figures is None:
                return None
            volts = figures.get("input.voltage")
            low = self._transfers(figures)[0]
            return volts is not None and low is not None and volts < low
        return False

    def _mains(self, poll, observation, seamless):
        on_battery = self._on_battery(observation.words, poll.figures)
        event = self.open.get("ONBATT")
        if event is None:
            if not on_battery or observation.words & {"CAL", "TEST"}:
                return
            self._outage = OutageFigures.begin(observation, self._figures if seamless else {})
            event = self._open("ONBATT", poll.at, figures=self._outage.figures, complete=seamless)
            if "TEST" in self.open:
                event.figures["during_test"] = 1
        elif on_battery is False:
            seen = self._outage.end(observation, event.started)
            if not seen:
                event.complete = False
                event.detail = "mains came back at some time while nobody could see it"
            self._outage = None
            self._close("ONBATT", poll.at)

    def _alarm(self, poll, words, seamless):
        text = poll.variables.get("ups.alarm", "") if poll.variables is not None else None
        self._set("ALARM", "ALARM" in words, poll.at, seamless, text or "")
        event = self.open.get("ALARM")
        if event is not None and text and text not in event.detail:
            event.detail = "; ".join(filter(None, (event.detail, text)))
            self._changes.append((UPDATED, event))

    def _replace(self, poll, words):
        if "RB" not in words:
            self._replace_since, self._replace_samples = None, 0
            self._close("REPLBATT", poll.at)
            return
        if self._replace_since is None:
            self._replace_since = poll
        self._replace_samples += 1
        if (
            self._replace_samples >= REPLACE_SAMPLES
            and poll.monotonic - self._replace_since.monotonic >= REPLACE_S
        ):
            self._set("REPLBATT", True, self._replace_since.at, True)

    def _test_of(self, poll, words):
        event = self.open.get("TEST")
        happens, result = self._test.look(words, poll.variables, poll.monotonic, event is not None)
        volts = (poll.figures or {}).get("battery.voltage")
        if happens == "open":
            event = self._open("TEST", poll.at, figures={"started_by": "the UPS"} | self._before_test())
        elif happens == "passed by":
            event = self._open(
                "TEST", poll.at, figures={"started_by": "the UPS", "result": result}, complete=False
            )
            self._close("TEST", poll.at)
            return
        if event is None:
            return
        if volts is not None and volts < event.figures.get("lowest_battery_voltage", volts + 1):
            event.figures["lowest_battery_voltage"] = volts
            self._changes.append((UPDATED, event))
        if happens in ("close", "lost"):
            if happens == "close":
                event.figures["result"] = result
            else:
                event.complete = False
                event.detail = "the UPS never told a result"
            if volts is not None:
                event.figures["battery_voltage_after"] = volts
            event.figures["seconds"] = round(poll.at - event.started, 3)
            self._close("TEST", poll.at)

    def _before_test(self):
        volts = self._figures.get("battery.voltage")
        return {} if volts is None else {"battery_voltage_before": volts}

    # Full samples.

    def _sample(self, poll, words, observation, seamless):
        figures = poll.figures
        load = figures.get("ups.load")
        self._set("OVER", "OVER" in words or (load is not None and load >= OVERLOAD), poll.at, seamless)
        for threshold in THRESHOLDS:
            self._watch(threshold, poll, seamless)
        self._voltage(poll, words, seamless)
        event = self.open.get("ONBATT")
        if event is not None and self._on_battery(words, figures) is not False:
            self._outage.see(observation, figures, event.started, poll.watts_rule)
            self._changes.append((UPDATED, event))
        self._figures = figures

    def _watch(self, threshold, poll, seamless):
        value = threshold.value(poll.figures)
        limit = effective_limit(threshold, self.limits, poll.figures)
        if value is None or limit is None:
            return
        event = self.open.get(threshold.event)
        words = f"{threshold.words} {limit:g} {threshold.unit}: {value:g} {threshold.unit}"
        self._set(
            threshold.event,
            threshold.crossed(value, limit, event is not None),
            poll.at,
            seamless,
            words,
            {"limit": limit, "value": value, "extreme": value},
        )
        if event is not None and threshold.event in self.open:
            extreme = event.figures.get("extreme", value)
            if (value > extreme) if threshold.above else (value < extreme):
                event.figures["extreme"] = value
                self._changes.append((UPDATED, event))

    def _transfers(self, figures):
        low, high = self.limits.input_transfer_low, self.limits.input_transfer_high
        return (
            figures.get("input.transfer.low") if low is None else low,
            figures.get("input.transfer.high") if high is None else high,
        )

    def _voltage(self, poll, words, seamless):
        volts = poll.figures.get("input.voltage")
        low, high = self._transfers(poll.figures)
        out = volts is not None and ((low is not None and volts < low) or (high is not None and volts > high))
        if volts is None or not out or "OB" in words:
            self._strayed = []
            self._close("VOLTAGE", poll.at)
            return
        self._strayed = [*self._strayed[-(VOLTAGES - 1) :], poll] if seamless else [poll]
        event = self.open.get("VOLTAGE")
        if event is None and len(self._strayed) >= VOLTAGES:
            first = self._strayed[0]
            bound = f"above {high:g} V" if high is not None and volts > high else f"below {low:g} V"
            volts_seen = [look.figures["input.voltage"] for look in self._strayed]
            self._open(
                "VOLTAGE",
                first.at,
                f"input voltage {bound}: {volts:g} V",
                {"low": low, "high": high, "lowest": min(volts_seen), "highest": max(volts_seen)},
            )
        elif event is not None:
            seen = {
                "lowest": min(event.figures.get("lowest", volts), volts),
                "highest": max(event.figures.get("highest", volts), volts),
            }
            if not seen.items() <= event.figures.items():
                event.figures |= seen
                self._changes.append((UPDATED, event))

    # Opening and closing.

    def _set(self, name, on, at, seamless, detail="", figures=None):
        if on and name not in self.open:
            self._open(name, at, detail, figures, seamless)
        elif not on:
            self._close(name, at)

    def _open(self, name, at, detail="", figures=None, complete=True):
        event = self.open[name] = Event(
            name, at, detail=detail, figures={} if figures is None else figures, complete=complete
        )
        self._changes.append((OPENED, event))
        return event

    def _close(self, name, at):
        event = self.open.pop(name, None)
        if event is not None:
            event.ended = max(at, event.started)
            self._changes.append((CLOSED, event))
