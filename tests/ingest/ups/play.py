"""Plays a story of one UPS to a EventMachine, second by second, without waiting."""

from ingest.ups.energy import Rating, find_watts
from ingest.ups.event_machine import EventMachine
from ingest.ups.figures import parse_figures
from ingest.ups.records import CLOSED, OPENED, Failed, Good
from ingest.ups.status import is_discharging, status_tokens

START = 1_800_000_000.0


class Play:
    """`says(status, ...)` is a full poll after `after` s, `whispers` a status poll, `fails` a poll that fails."""

    def __init__(self, machine=None, poll_s=10.0, status_s=2.0, **variables):
        self.machine = machine or EventMachine()
        self.poll_s, self.status_s = poll_s, status_s
        self.variables = {name.replace("_", "."): str(value) for name, value in variables.items()}
        self.at = START
        self.events = []
        self.changes = []

    def _feed(self, poll):
        for verb, event in self.machine.apply_poll(poll):
            self.changes.append((verb, event.event))
            if verb == OPENED:
                self.events.append(event)
        return self

    def says(self, status, after=2.0, **variables):
        self.at += after
        self.variables |= {name.replace("_", "."): str(value) for name, value in variables.items()}
        told = self.variables | {"ups.status": status}
        figures = parse_figures(told)
        watts, rule = find_watts(figures, Rating(figures.get("ups.realpower.nominal")))
        return self._feed(Good(self.at, self.at, status, self._interval(status), told, figures, watts, rule))

    def whispers(self, status, after=2.0):
        self.at += after
        return self._feed(Good(self.at, self.at, status, self._interval(status)))

    def fails(self, outcome="timeout", where="server", after=2.0):
        self.at += after
        return self._feed(Failed(self.at, self.at, outcome, where, f"{outcome} in words"))

    def waits(self, seconds):
        self.at += seconds
        return self

    def _interval(self, status):
        return self.status_s if is_discharging(status_tokens(status)) else self.poll_s

    def seen(self, *verbs):
        """The changes in order, without updates unless asked for."""
        return [change for change in self.changes if change[0] in (verbs or (OPENED, CLOSED))]

    def event(self, name):
        found = [event for event in self.events if event.event == name]
        assert len(found) == 1, f"{len(found)} x {name}"
        return found[0]
