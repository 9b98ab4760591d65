"""A made-up course of one UPS, applied to an EventMachine second by second, without waiting."""

from ingest.ups.event_machine import EventMachine
from ingest.ups.measurement import measure
from ingest.ups.records import CLOSED, OPENED, Event, InstantCommand, Poll
from ingest.ups.status import is_discharging, status_tokens

START = 1_800_000_000.0


class Scenario:
    """`full()` polls all variables after `after` s, `status()` the status alone, `failed()` fails."""

    def __init__(self, machine=None, poll_s=10.0, status_s=2.0, **variables):
        self.machine = machine or EventMachine()
        self.poll_s, self.status_s = poll_s, status_s
        self.variables = {name.replace("_", "."): str(value) for name, value in variables.items()}
        self.at = START
        self.events: list[Event] = []
        self.changes = []

    def _apply(self, poll, measurement=None):
        for verb, event in self.machine.apply_poll(poll, measurement):
            self.changes.append((verb, event.event))
            if verb == OPENED:
                self.events.append(event)
        return self

    def _poll(self, interval_s, **fields):
        return Poll("rack", self.at, self.at, interval_s, **fields)

    def full(self, status, after=2.0, **variables):
        self.at += after
        self.variables |= {name.replace("_", "."): str(value) for name, value in variables.items()}
        answer = self.variables | {"ups.status": status}
        if not status:
            del answer["ups.status"]
        poll = self._poll(self._interval(status), status=status, variables=answer)
        return self._apply(poll, measure(answer))

    def status(self, status, after=2.0):
        self.at += after
        return self._apply(self._poll(self._interval(status), status=status))

    def failed(self, outcome="timeout", where="server", after=2.0):
        self.at += after
        return self._apply(
            self._poll(self.poll_s, outcome=outcome, where=where, message=f"message of {outcome}")
        )

    def command(self, command, by="owner", at=None, confirmed=True):
        at = self.at if at is None else at
        return self.machine.apply_command(InstantCommand("rack", at, at, command, by, confirmed))

    def _interval(self, status):
        return self.status_s if is_discharging(status_tokens(status)) else self.poll_s

    def seen(self, *verbs):
        """The changes in order, without updates unless asked for."""
        return [change for change in self.changes if change[0] in (verbs or (OPENED, CLOSED))]

    def event(self, name):
        found = [event for event in self.events if event.event == name]
        assert len(found) == 1, f"{len(found)} x {name}"
        return found[0]
