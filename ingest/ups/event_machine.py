"""The state machine of one UPS: from polls to events that open, change and close. Pure.

Events bear upsmon's names: ONBATT is an outage from start to end (`_begin_outage`, `_end_outage`), COMMBAD
the time without data. A poll that fails, or whose status is WAIT, neither opens nor closes the events of
which it carries no information; it makes those that are open incomplete.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ingest.ups.energy import Observation, covered_seconds
from ingest.ups.limits import DEFAULT_LIMITS, Limits, LimitWatcher
from ingest.ups.open_events import OpenEvents
from ingest.ups.outage import OutageFigures
from ingest.ups.records import Event, EventChange, Figures, InstantCommand, Measurement, Poll
from ingest.ups.self_test import FINISHED, MISSED, NO_REPORT, NO_RESULT, STARTED, SelfTest, SelfTestReport
from ingest.ups.status import status_tokens

TOKEN_EVENTS = ("OFF", "BYPASS", "TRIM", "BOOST", "FSD", "CAL")  # status tokens that are events by themselves
TESTS = ("test.battery.start", "test.system.start")  # prefixes of the commands that start a test
OVERLOAD = 100.0  # % of load
REPLACE_SAMPLES, REPLACE_S = 2, 60.0  # RB has to stay that long: some UPSes raise it for a moment
FAILURES = 2  # consecutive failed polls are COMMBAD
NO_MEASUREMENT = (None, None, None)  # of a poll of the status alone
BY_ITSELF = {"started_by": "the UPS"}  # a self-test that nobody here ordered


class _Answer(NamedTuple):
    """A poll that was answered. `contiguous`: no poll was missed since the answer before it."""

    poll: Poll
    observation: Observation
    tokens: frozenset[str]
    figures: Figures | None
    watts_rule: str | None
    contiguous: bool


class EventMachine:
    """The events of one UPS. `open` are those that are open now.

    `open_events` are those that a daemon before this one left open; they go on and are marked incomplete.
    `test` is what was last known of ups.test.result and ups.test.date. `discharging_is_outage` makes `OL
    DISCHRG` with the input below its transfer voltage an outage, for UPSes that never report OB.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        discharging_is_outage: bool = False,
        open_events: Iterable[Event] = (),
        test: SelfTestReport = NO_REPORT,
    ) -> None:
        self.open = OpenEvents(open_events)
        self._limits, self._discharging_is_outage = limits, discharging_is_outage
        self._limit_watcher = LimitWatcher(limits, self.open)
        self._test = SelfTest(test)
        self._outage: OutageFigures | None = None
        self._last: Observation | None = None  # of the last poll that was answered
        self._figures: Figures = {}  # of the last full poll
        self._failures: list[Poll] = []  # since the last answer, the first ones
        self._replace_since: Poll | None = None
        self._replace_samples = 0
        for event in self.open.values():
            if event.event != "COMMBAD":
                event.complete = False
            if event.event == "ONBATT":
                self._outage = OutageFigures(event.figures)
            self.open.mark_updated(event)

    def apply_poll(self, poll: Poll, measurement: Measurement | None = None) -> list[EventChange]:
        """Apply a poll, in order of time, with its `measurement` if it is a full one; return the changes."""
        tokens = status_tokens(poll.status)
        if poll.failed:
            self._apply_failure(poll)
        elif tokens or (measurement is not None and not poll.status):
            figures, watts, watts_rule = measurement or NO_MEASUREMENT
            observation = Observation(poll.at, poll.monotonic, watts, tokens, poll.interval_s)
            contiguous = (
                not self._failures
                and self._last is not None
                and covered_seconds(self._last, observation) is not None
            )
            self._apply_answer(_Answer(poll, observation, tokens, figures, watts_rule, contiguous))
        return self.open.take_changes()

    def apply_command(self, command: InstantCommand) -> list[EventChange]:
        """Take a command that was sent: it opens TEST, or names its sender in a TEST that has begun since."""
        if not command.command.startswith(TESTS):
            return self.open.take_changes()
        event = self.open.get("TEST")
        origin = {"started_by": command.by, "command": command.command}
        if event is not None and event.started >= command.at:
            event.figures.update(origin)
            self.open.mark_updated(event)
        elif event is None and command.confirmed:
            self._test.order(command.monotonic)
            self.open.open("TEST", command.at, figures=origin | self._voltage_before_test())
        return self.open.take_changes()

    def retire(self, at: float, reason: str) -> list[EventChange]:
        """The UPS is gone for good: end what is open, as not observed."""
        for event in list(self.open.values()):
            event.complete = False
            event.detail = "; ".join(filter(None, (event.detail, reason)))
            self.open.close(event.event, at)
        self._outage = None
        return self.open.take_changes()

    # Polls that fail.

    def _apply_failure(self, poll: Poll) -> None:
        self._failures.append(poll)
        for event in self.open.values():
            if event.event != "COMMBAD" and (event.complete or event.event == "ONBATT"):
                self.open.mark_incomplete(event)
        if self._outage is not None:
            self._outage.add_failed_poll()
        comm = self.open.get("COMMBAD")
        if comm is not None:
            figures = comm.figures
            figures["failed_polls"] = figures.get("failed_polls", 0) + 1
            if poll.outcome not in figures.setdefault("outcomes", [poll.outcome]):
                figures["outcomes"].append(poll.outcome)
                self.open.mark_updated(comm)
        elif len(self._failures) >= FAILURES:
            self._begin_connection_loss()
        del self._failures[FAILURES:]

    def _begin_connection_loss(self) -> None:
        first = self._failures[0]
        figures = {
            "where": first.where,
            "outcome": first.outcome,
            "outcomes": list(dict.fromkeys(failed.outcome for failed in self._failures)),
            "failed_polls": len(self._failures),
        }
        self.open.open("COMMBAD", first.at, f"{first.where}: {first.message}", figures)

    # Polls that are answered.

    def _apply_answer(self, answer: _Answer) -> None:
        poll, tokens, at = answer.poll, answer.tokens, answer.poll.at
        if not answer.contiguous:
            self._mark_gap()
        self._failures = []
        self.open.close("COMMBAD", at)
        if poll.variables is not None or "TEST" in tokens:
            self._track_self_test(answer)
        if tokens:
            self._track_mains(answer)
            for token in TOKEN_EVENTS:
                if token in tokens or token in self.open:
                    self.open.set(token, token in tokens, at, answer.contiguous)
            self._track_alarm(answer)
            self._track_replacement(poll, tokens)
            low = "LB" in tokens and ("OB" in tokens or "LOWBATT" in self.open)
            self.open.set("LOWBATT", low, at, answer.contiguous)
        if answer.figures is not None:
            self._track_figures(answer, answer.figures)
        elif "OVER" in tokens:
            self.open.set("OVER", True, at, answer.contiguous)
        self._last = answer.observation

    def _mark_gap(self) -> None:
        """Nothing is known of the time between the last answer and this one."""
        if self._outage is not None:
            self._outage.add_gap()
        if self._last is None:
            return  # after a start: what was open is marked already
        for event in self.open.values():
            if event.complete and event.event != "COMMBAD":
                self.open.mark_incomplete(event)

    # Outages.

    def _is_on_battery(self, tokens: frozenset[str], figures: Figures | None) -> bool | None:
        """Whether mains are out; None where the status does not show it."""
        if "OB" in tokens:
            return True
        if "OL" not in tokens:
            return None
        if self._discharging_is_outage and "DISCHRG" in tokens:
            if figures is None:
                return None
            volts, (low, _) = figures.get("input.voltage"), self._limits.input_range(figures)
            return volts is not None and low is not None and volts < low
        return False

    def _track_mains(self, answer: _Answer) -> None:
        on_battery = self._is_on_battery(answer.tokens, answer.figures)
        if "ONBATT" not in self.open:
            if on_battery and not answer.tokens & {"CAL", "TEST"}:
                self._begin_outage(answer)
        elif on_battery is False:
            self._end_outage(answer)

    def _begin_outage(self, answer: _Answer) -> None:
        """ONBATT opens at the first poll that shows it; complete where mains were seen until then."""
        before = self._figures if answer.contiguous else {}
        self._outage = OutageFigures.begin(answer.observation, before)
        event = self.open.open(
            "ONBATT", answer.poll.at, figures=self._outage.figures, complete=answer.contiguous
        )
        if "TEST" in self.open:
            event.figures["during_test"] = 1

    def _end_outage(self, answer: _Answer) -> None:
        event = self.open["ONBATT"]
        if self._outage is not None and not self._outage.end(answer.observation, event.started):
            event.complete = False
            event.detail = "mains came back while the UPS was not polled"
        self._outage = None
        self.open.close("ONBATT", answer.poll.at)

    # Other events by the status.

    def _track_alarm(self, answer: _Answer) -> None:
        poll = answer.poll
        text = poll.variables.get("ups.alarm", "") if poll.variables is not None else ""
        self.open.set("ALARM", "ALARM" in answer.tokens, poll.at, answer.contiguous, text)
        event = self.open.get("ALARM")
        if event is not None and text and text not in event.detail:
            event.detail = "; ".join(filter(None, (event.detail, text)))
            self.open.mark_updated(event)

    def _track_replacement(self, poll: Poll, tokens: frozenset[str]) -> None:
        if "RB" not in tokens:
            self._replace_since, self._replace_samples = None, 0
            self.open.close("REPLBATT", poll.at)
            return
        if self._replace_since is None:
            self._replace_since = poll
        self._replace_samples += 1
        first = self._replace_since
        if self._replace_samples >= REPLACE_SAMPLES and poll.monotonic - first.monotonic >= REPLACE_S:
            self.open.set("REPLBATT", True, first.at, True)

    # Self-tests.

    def _track_self_test(self, answer: _Answer) -> None:
        poll, event = answer.poll, self.open.get("TEST")
        change = self._test.apply_poll(answer.tokens, poll.variables, poll.monotonic, event is not None)
        result = poll.variables.get("ups.test.result") if poll.variables is not None else None
        if change == MISSED:
            self.open.open("TEST", poll.at, figures=BY_ITSELF | {"result": result}, complete=False)
            self.open.close("TEST", poll.at)
            return
        if change == STARTED:
            event = self.open.open("TEST", poll.at, figures=BY_ITSELF | self._voltage_before_test())
        if event is None:
            return
        volts = (answer.figures or {}).get("battery.voltage")
        if volts is not None and volts < event.figures.get("lowest_battery_voltage", volts + 1):
            event.figures["lowest_battery_voltage"] = volts
            self.open.mark_updated(event)
        if change in (FINISHED, NO_RESULT):
            if change == FINISHED:
                event.figures["result"] = result
            else:
                event.complete = False
                event.detail = "the UPS never reported a result"
            if volts is not None:
                event.figures["battery_voltage_after"] = volts
            event.figures["seconds"] = round(poll.at - event.started, 3)
            self.open.close("TEST", poll.at)

    def _voltage_before_test(self) -> dict[str, Any]:  # Any: a part of events.figures
        volts = self._figures.get("battery.voltage")
        return {} if volts is None else {"battery_voltage_before": volts}

    # Events by the figures of a full poll.

    def _track_figures(self, answer: _Answer, figures: Figures) -> None:
        at, tokens = answer.poll.at, answer.tokens
        load = figures.get("ups.load")
        overloaded = "OVER" in tokens or (load is not None and load >= OVERLOAD)
        self.open.set("OVER", overloaded, at, answer.contiguous)
        self._limit_watcher.apply_sample(at, figures, tokens, answer.contiguous)
        event = self.open.get("ONBATT")
        if (
            event is not None
            and self._outage is not None
            and self._is_on_battery(tokens, figures) is not False
        ):
            self._outage.add_sample(answer.observation, figures, event.started, answer.watts_rule)
            self.open.mark_updated(event)
        self._figures = figures
