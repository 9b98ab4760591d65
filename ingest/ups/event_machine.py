"""The state machine of one UPS: from polls to events that open, change and close. Pure.

Events bear upsmon's names: ONBATT is an outage from start to end (`_begin_outage`, `_end_outage`), COMMBAD
the time without data. A poll that fails, or whose status is WAIT, neither opens nor closes the events of
which it carries no information; it makes those that are open incomplete. An event's detail is the present
text; its worst value is among its figures.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.ups.ambient import AmbientWatcher
from ingest.ups.command_results import starts_test
from ingest.ups.energy import Observation, covered_seconds
from ingest.ups.limits import DEFAULT_LIMITS, OVERLOAD, InputVoltage, Limits, LimitWatcher
from ingest.ups.low_battery import is_battery_low
from ingest.ups.mains import NOT_MEASURED, MainsState, MainsWatcher, PowerSource
from ingest.ups.measurement import Measurement
from ingest.ups.open_events import OpenEvents
from ingest.ups.outage import OutageFigures
from ingest.ups.phases import SourceWatcher, find_lost_phases
from ingest.ups.records import Event, EventChange, EventFigures, Figures, InstantCommand, Poll, Variables
from ingest.ups.self_test import (
    FINISHED,
    MISSED,
    NO_REPORT,
    NO_RESULT,
    SEEN,
    STARTED,
    STUCK,
    SelfTest,
    SelfTestReport,
    test_verdict,
)
from ingest.ups.status import TEST_WORDS, status_tokens

TOKEN_EVENTS = ("OFF", "BYPASS", "TRIM", "BOOST", "FSD", "CAL")  # status words that are events by themselves

REPLACE_SAMPLES, REPLACE_S = 2, 60.0  # RB has to stay that long: some UPSes raise it for a moment
FAILURES = 2  # consecutive failed polls are COMMBAD
MAX_ALARM_TEXTS = 20  # kept with an ALARM
NO_ALARM = ("0", "none", "no alarm", "no alarms")
BY_ITSELF = {"started_by": "the UPS"}  # a self-test that nobody here ordered
LATE_REPORT_S = 120.0  # so long after an outage a report of a test shows that it was one
RECLASSIFIED = "time on battery with mains there, which the UPS reports as a self-test"


class _Answer(NamedTuple):
    """A poll that was answered. `contiguous`: no poll was missed since the answer before it."""

    poll: Poll
    observation: Observation
    tokens: frozenset[str]
    figures: Figures | None
    counted: Variables
    watts_rule: str | None
    contiguous: bool
    state: MainsState
    report_before: SelfTestReport


class EventMachine:
    """The events of one UPS. `open` are those that are open now.

    `open_events` are those that a daemon before this one left open; they go on and are marked incomplete.
    `test` is what was last known of ups.test.result and ups.test.date. `discharging_is_outage` makes `OL
    DISCHRG` with the input below its transfer voltage an outage, for UPSes that never report OB. `voltage`
    knows what is normal at the input, `input_source` and `last_status` are what was last known of those
    variables. `boot_id` is the boot to which CLOCK_BOOTTIME of the polls belongs, '' for made-up ones.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        discharging_is_outage: bool = False,
        open_events: Iterable[Event] = (),
        test: SelfTestReport = NO_REPORT,
        voltage: InputVoltage | None = None,
        input_source: str = "",
        last_status: str = "",
        boot_id: str = "",
    ) -> None:
        self.open = OpenEvents(open_events, boot_id)
        self.voltage = voltage or InputVoltage(limits)
        self.mains = PowerSource.UNKNOWN  # by the last answer
        self._watcher = MainsWatcher(self.voltage, discharging_is_outage)
        self._limit_watcher = LimitWatcher(limits, self.voltage, self.open)
        self._ambient = AmbientWatcher(limits, self.open)
        self._source = SourceWatcher(input_source, self.open)
        self._test = SelfTest(test, bool(status_tokens(last_status) & TEST_WORDS) and "TEST" not in self.open)
        self._outage: OutageFigures | None = None
        self._unmeasured_test: OutageFigures | None = None  # a test that may turn out to be an outage
        self._mains_were_there = False  # at every measured sample of the last outage, and at one at least
        self._ended_outage: Event | None = None  # the last one, where mains were there all the time
        self._last: Observation | None = None  # of the last poll that was answered
        self._figures: Figures = {}  # of the last full poll
        self._failures: list[Poll] = []  # since the last answer, the first ones
        self._replace_since: Poll | None = None
        self._replace_samples = 0
        self._test_seen: float | None = None  # unix seconds, until the next poll confirms it
        for event in self.open.values():
            if event.event != "COMMBAD":
                event.complete = False
            if event.event == "ONBATT":
                self._outage = OutageFigures(event.figures)
            self.open.mark_updated(event)

    def set_limits(self, limits: Limits) -> None:
        """Watch for these limits from the next sample on."""
        self.voltage.limits = self._limit_watcher.limits = self._ambient.limits = limits

    def apply_poll(self, poll: Poll, measurement: Measurement | None = None) -> list[EventChange]:
        """Apply a poll, in order of time, with its `measurement` if it is a full one; return the changes."""
        self._follow_clock(poll.at - poll.monotonic)
        tokens = status_tokens(poll.status)
        if poll.failed:
            self._apply_failure(poll)
        elif tokens or (measurement is not None and not poll.status):
            self._apply_answer(self._read(poll, tokens, measurement))
        return self.open.take_changes()

    def _follow_clock(self, offset: float) -> None:
        """Where the wall clock was set, move the times that are remembered with it."""
        moved = self.open.follow_clock(offset)
        if not moved:
            return
        if self._last is not None:
            self._last = self._last._replace(at=self._last.at + moved)
        for poll in self._failures:
            poll.at += moved
        if self._replace_since is not None:
            self._replace_since.at += moved
        if self._test_seen is not None:
            self._test_seen += moved
        self._ended_outage = None  # its times are by the clock of before

    def _read(self, poll: Poll, tokens: frozenset[str], measurement: Measurement | None) -> _Answer:
        """A poll with what follows from it, before any event changes."""
        figures = measurement.figures if measurement else None
        watts = measurement.watts if measurement else None
        report_before = self._test.read_report(poll.variables)
        state = self._watcher.apply_poll((poll.at, poll.monotonic), tokens, figures, self._test.is_running)
        on_battery = state.mains is PowerSource.BATTERY
        observation = Observation(poll.at, poll.monotonic, watts, tokens, poll.interval_s, on_battery)
        contiguous = (
            not self._failures
            and self._last is not None
            and covered_seconds(self._last, observation) is not None
        )
        return _Answer(
            poll,
            observation,
            tokens,
            figures,
            measurement.counted if measurement else {},
            measurement and measurement.watts_rule,
            contiguous,
            state,
            report_before,
        )

    def apply_command(self, command: InstantCommand) -> list[EventChange]:
        """Take a command that was sent: it opens TEST, or names its sender in a TEST that has begun since."""
        if not starts_test(command.command):
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
        figures: EventFigures = {
            "where": first.where,
            "outcome": first.outcome,
            "outcomes": list(dict.fromkeys(failed.outcome for failed in self._failures)),
            "failed_polls": len(self._failures),
        }
        event = self.open.open("COMMBAD", first.at, f"{first.where}: {first.message}", figures)
        if event.figures is not figures:  # the last one goes on
            event.figures["failed_polls"] = event.figures.get("failed_polls", 0) + len(self._failures)
            outcomes = (*event.figures.get("outcomes", ()), *figures["outcomes"])
            event.figures["outcomes"] = list(dict.fromkeys(outcomes))

    # Polls that are answered.

    def _apply_answer(self, answer: _Answer) -> None:
        poll, tokens, at = answer.poll, answer.tokens, answer.poll.at
        if not answer.contiguous:
            self._mark_gap()
        elif poll.coalesced:
            self.open.confirm(TOKEN_EVENTS)
        self._failures = []
        self.mains = answer.state.mains
        self.open.close("COMMBAD", at)
        if poll.variables is not None or tokens & TEST_WORDS:
            self._track_self_test(answer)
        self._track_mains(answer)
        if tokens:
            for token in TOKEN_EVENTS:
                self.open.observe(token, token in tokens, at, answer.contiguous)
            if "CAL" in self.open and answer.state.mains is PowerSource.TEST:
                self._note_unmeasured("CAL", answer)
            self._track_alarm(answer)
            self._track_replacement(poll, tokens)
        self._track_low_battery(answer)
        self._track_test_result(answer)
        if answer.figures is not None:
            self._track_figures(answer, answer.figures)
        elif "OVER" in tokens:
            self.open.observe("OVER", True, at, answer.contiguous)
        self._last = answer.observation

    def _track_test_result(self, answer: _Answer) -> None:
        """TEST_FAILED lasts from a result that is a failure until another one; a test under way is none."""
        report = SelfTestReport((answer.poll.variables or {}).get("ups.test.result"))
        if report.result is None or report.is_running:
            return
        if test_verdict(report.result) != "failed":
            self.open.close("TEST_FAILED", answer.poll.at)
        elif "TEST_FAILED" in self.open:
            self.open.describe("TEST_FAILED", report.result.strip())
        else:
            self.open.open("TEST_FAILED", answer.poll.at, report.result.strip(), complete=answer.contiguous)

    def _mark_gap(self) -> None:
        """Nothing is known of the time between the last answer and this one."""
        for outage in (self._outage, self._unmeasured_test):
            if outage is not None:
                outage.add_gap()
        if self._last is None:
            return  # after a start: what was open is marked already
        for event in self.open.values():
            if event.complete and event.event != "COMMBAD":
                self.open.mark_incomplete(event)

    # Outages.

    def _track_mains(self, answer: _Answer) -> None:
        mains = answer.state.mains
        self._follow_unmeasured_test(answer)
        if "ONBATT" not in self.open:
            if mains is PowerSource.BATTERY:
                self._begin_outage(answer)
        elif mains is PowerSource.TEST and answer.state.measured is not False and self._may_be_test(answer):
            self._take_outage_for_test()
        elif mains in (PowerSource.MAINS, PowerSource.TEST):
            self._end_outage(answer)
        if "ONBATT" in self.open and answer.state.measured is not None:
            self._mains_were_there = self._mains_were_there and answer.state.measured

    def _begin_outage(self, answer: _Answer) -> None:
        """ONBATT opens at the first poll that shows it; complete where mains were seen until then."""
        since, shadow = answer.state.since, self._unmeasured_test
        self._mains_were_there, self._ended_outage = answer.state.measured is not False, None
        if since is not None and shadow is not None:  # a test that goes on for too long
            self._outage, self._unmeasured_test = shadow, None
            detail = f"{NOT_MEASURED}: the UPS reports a test or calibration, for longer than one lasts"
            self.open.open("ONBATT", since[0], detail, shadow.figures, not shadow.figures["missed_polls"])
            self._mains_were_there = False
            return
        before = self._figures if answer.contiguous else {}
        self._outage = OutageFigures.begin(answer.observation, before)
        detail = "during a self-test" if "TEST" in self.open else ""
        if not answer.tokens:
            detail = "by the input voltage: the UPS reports no status"
        self.open.open("ONBATT", answer.poll.at, detail, self._outage.figures, answer.contiguous)

    def _follow_unmeasured_test(self, answer: _Answer) -> None:
        """Keep the figures of a test whose mains are not measured: it may turn out to be an outage."""
        if answer.state.since is None:
            if answer.state.mains is not PowerSource.UNKNOWN:
                self._unmeasured_test = None
        elif "ONBATT" not in self.open:
            if self._unmeasured_test is None:
                self._unmeasured_test = OutageFigures.begin(answer.observation, self._figures)
            if answer.figures is not None:
                started = answer.state.since[0]
                self._unmeasured_test.add_sample(
                    answer.observation, answer.figures, started, answer.watts_rule
                )

    def _may_be_test(self, answer: _Answer) -> bool:
        """Whether an outage that is open may have been the beginning of the test that is shown now."""
        return self._mains_were_there and answer.poll.at - self.open["ONBATT"].started <= LATE_REPORT_S

    def _take_outage_for_test(self) -> None:
        event = self.open["ONBATT"]
        self._outage = None
        if "TEST" in self.open:
            self.open.withdraw(event)
        else:
            self.open.rename("ONBATT", "TEST")
            event.figures |= BY_ITSELF
            event.detail = RECLASSIFIED
            self._test_seen = None

    def _end_outage(self, answer: _Answer) -> None:
        event = self.open["ONBATT"]
        if self._outage is not None and not self._outage.end(answer.observation, event.started):
            event.complete = False
            event.detail = "mains came back while the UPS was not polled"
        self._outage = None
        self.open.close("ONBATT", answer.poll.at)
        self._ended_outage = event if self._mains_were_there and answer.state.measured else None

    def _track_low_battery(self, answer: _Answer) -> None:
        """LOWBATT: on battery, by the word LB or below a limit of the device; it lasts until mains are
        back."""
        is_open = "LOWBATT" in self.open
        if answer.state.mains is PowerSource.BATTERY:
            low = is_open or is_battery_low(answer.tokens, answer.figures or {})
        else:
            low = is_open and answer.state.mains is PowerSource.UNKNOWN
        self.open.observe("LOWBATT", low, answer.poll.at, answer.contiguous)

    # Other events by the status.

    def _track_alarm(self, answer: _Answer) -> None:
        poll = answer.poll
        text = poll.variables.get("ups.alarm", "").strip() if poll.variables is not None else ""
        if text.lower() in NO_ALARM:
            text = ""
        texts = [*self.open.figures_of("ALARM").get("texts", ())][:MAX_ALARM_TEXTS]
        if text and text not in texts:
            texts.append(text)
        active = "ALARM" in answer.tokens
        self.open.observe(
            "ALARM", active, poll.at, answer.contiguous, text, {"texts": texts} if texts else {}
        )

    def _track_replacement(self, poll: Poll, tokens: frozenset[str]) -> None:
        if "RB" not in tokens:
            self._replace_since, self._replace_samples = None, 0
            self.open.close("REPLBATT", poll.at)
            return
        if self._replace_since is None:
            self._replace_since = poll
        self._replace_samples += 1 + poll.coalesced
        first = self._replace_since
        is_lasting = poll.monotonic - first.monotonic >= REPLACE_S
        if self._replace_samples >= REPLACE_SAMPLES and is_lasting and "REPLBATT" not in self.open:
            self.open.open("REPLBATT", first.at)

    # Self-tests.

    def _track_self_test(self, answer: _Answer) -> None:
        poll, event = answer.poll, self.open.get("TEST")
        on_mains = answer.state.mains is PowerSource.MAINS
        is_outage = answer.state.mains is PowerSource.BATTERY
        change = self._test.apply_poll(
            answer.tokens - TEST_WORDS if is_outage and event is None else answer.tokens,
            answer.report_before,
            poll.monotonic,
            event is not None,
            on_mains,
        )
        result = poll.variables.get("ups.test.result") if poll.variables is not None else None
        if change == MISSED:
            self._record_missed_test(answer, result)
            return
        if change == SEEN:
            self._test_seen = poll.at
        elif change == STARTED:
            started = poll.at if self._test_seen is None else self._test_seen
            event = self.open.open("TEST", started, figures=BY_ITSELF | self._voltage_before_test())
        elif event is None:
            self._test_seen = None
        if event is None:
            return
        if answer.state.mains is PowerSource.TEST:
            self._note_unmeasured("TEST", answer)
        volts = (answer.figures or {}).get("battery.voltage")
        if volts is not None and volts < event.figures.get("lowest_battery_voltage", volts + 1):
            event.figures["lowest_battery_voltage"] = volts
            self.open.mark_updated(event)
        if change in (FINISHED, NO_RESULT, STUCK):
            self._end_test(answer, event, change, result)

    def _record_missed_test(self, answer: _Answer, result: str | None) -> None:
        """A test began and ended between two polls, or was taken for an outage."""
        outage, at = self._ended_outage, answer.poll.at
        if "ONBATT" in self.open and self._mains_were_there and answer.state.mains is PowerSource.MAINS:
            outage = self.open["ONBATT"]
            self._end_outage(answer)
        started, self._test_seen, self._ended_outage = self._test_seen, None, None
        if outage is not None and at - (outage.ended or at) <= LATE_REPORT_S:
            outage.event, outage.detail = "TEST", RECLASSIFIED
            outage.figures |= BY_ITSELF | {"result": result}
            self.open.mark_updated(outage)
            return
        figures = BY_ITSELF | {"result": result}
        self.open.open("TEST", at if started is None else started, "", figures, complete=started is not None)
        self.open.close("TEST", at)

    def _end_test(self, answer: _Answer, event: Event, change: str, result: str | None) -> None:
        if change == FINISHED:
            event.figures["result"] = result
        else:
            event.complete = False
            event.detail = (
                "the UPS never reported a result"
                if change == NO_RESULT
                else "the UPS reports a test for longer than one lasts"
            )
        volts = (answer.figures or {}).get("battery.voltage")
        if volts is not None:
            event.figures["battery_voltage_after"] = volts
        event.figures["seconds"] = round(answer.poll.at - event.started, 3)
        self.open.close("TEST", answer.poll.at)

    def _note_unmeasured(self, name: str, answer: _Answer) -> None:
        """State with a test on battery that nothing shows whether mains are there."""
        if answer.state.measured is None and not self.open[name].detail:
            self.open.describe(name, NOT_MEASURED)

    def _voltage_before_test(self) -> EventFigures:
        volts = self._figures.get("battery.voltage")
        return {} if volts is None else {"battery_voltage_before": volts}

    # Events by the figures of a full poll.

    def _track_figures(self, answer: _Answer, figures: Figures) -> None:
        at, tokens = answer.poll.at, answer.tokens
        load = figures.get("ups.load")
        if load is not None or tokens:
            overloaded = "OVER" in tokens or (load is not None and load >= OVERLOAD)
            detail, figures_of_it = "", {}
            if load is not None:
                extreme = max(load, self.open.figures_of("OVER").get("extreme", load))
                detail, figures_of_it = f"load {load:g} %", {"value": load, "extreme": extreme}
            self.open.observe("OVER", overloaded, at, answer.contiguous, detail, figures_of_it)
        mains = answer.state.mains
        self.voltage.add_sample(figures, mains is PowerSource.MAINS)
        on_mains = mains not in (PowerSource.BATTERY, PowerSource.TEST) and "OB" not in tokens
        phase_lost = self._track_phases(answer, figures)
        self._limit_watcher.apply_sample(at, figures, on_mains, answer.contiguous, phase_lost)
        alarm = answer.counted.get("ups.alarm", "") if "ALARM" in tokens else ""
        self._ambient.apply_sample(at, figures, alarm, answer.contiguous)
        self._source.apply_sample(at, answer.counted, answer.contiguous)
        event = self.open.get("ONBATT")
        if (
            event is not None
            and self._outage is not None
            and mains in (PowerSource.BATTERY, PowerSource.UNKNOWN)
        ):
            self._outage.add_sample(answer.observation, figures, event.started, answer.watts_rule)
            if "LOWBATT" in self.open:
                self._outage.add_low_battery()
            self.open.mark_updated(event)
        self._figures = figures

    def _track_phases(self, answer: _Answer, figures: Figures) -> bool:
        """PHASE_LOST; whether a phase is lost. Where the UPS is on battery for it, the outage tells."""
        is_open = "PHASE_LOST" in self.open
        lost = find_lost_phases(figures, is_open)
        if lost is None:
            self.open.observe("PHASE_LOST", False, answer.poll.at, answer.contiguous)
            return False
        outage = self.open.get("ONBATT")
        if outage is not None and not is_open:
            if not outage.detail:
                self.open.describe("ONBATT", lost.describe())
            return True
        lowest = min(lost.volts, self.open.figures_of("PHASE_LOST").get("lowest", lost.volts))
        self.open.observe(
            "PHASE_LOST",
            True,
            answer.poll.at,
            answer.contiguous,
            lost.describe(),
            {"phases": list(lost.phases), "value": lost.volts, "reference": lost.others, "lowest": lowest},
        )
        return True
