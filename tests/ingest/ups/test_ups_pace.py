"""The pace of a reader by a clock of its own: what is asked when, and how long is waited after a failure."""

import pytest

from ingest.pipeline.source_health import Health
from ingest.ups.polling import FullAnswer, SourceError, SourceReader
from ingest.ups.records import Poll


class PacedReader(SourceReader):
    """A reader of one UPS whose time passes by its waits alone; `statuses(t)` is the `ups.status`."""

    def __init__(self, statuses=lambda t: "OL", until=60.0, status_s=2.0, poll_s=10.0, open_fails=False):
        self.now = 0.0
        self.items = []
        self.asked = []  # (time, "status" or "all")
        self.waits = []
        self.statuses, self.until, self.open_fails = statuses, until, open_fails
        super().__init__(
            "closet", status_s, poll_s, Health("closet", "nut", ""), self.items.append, lambda: self.now
        )

    def _open(self):
        if self.open_fails:
            raise SourceError("refused", "nothing listens")

    def _close(self):
        pass

    def _names(self):
        return ("rack@closet",)

    def _failure_location(self, outcome):
        return "server"

    def _read_status(self, name):
        self.asked.append((self.now, "status"))
        return self.statuses(self.now)

    def _read_all(self, name):
        self.asked.append((self.now, "all"))
        return FullAnswer({"ups.status": self.statuses(self.now)}, None, None)

    def _wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        if self.now >= self.until:
            self._stopping.set()

    def times(self, kind):
        return [at for at, asked in self.asked if asked == kind]


def played(**options):
    reader = PacedReader(**options)
    reader.run()
    return reader


def test_the_status_is_asked_often_and_all_variables_now_and_then():
    reader = played()
    assert reader.times("all") == [0, 10, 20, 30, 40, 50]
    assert reader.times("status") == [t for t in range(0, 60, 2) if t % 10]
    polls = [item for item in reader.items if isinstance(item, Poll)]
    assert sum(1 + poll.coalesced for poll in polls) == len(reader.asked)
    assert [poll.variables is not None for poll in polls] == [True] * 6 + [False]


def test_on_battery_all_variables_are_asked_for_every_time():
    reader = played(statuses=lambda t: "OB DISCHRG" if 11 <= t < 31 else "OL", poll_s=60.0)
    assert reader.times("all") == [0, *range(12, 34, 2)]
    assert reader.times("status") == [*range(2, 14, 2), *range(34, 60, 2)]
    intervals = {poll.status: poll.interval_s for poll in reader.items}
    assert intervals == {"OL": 60.0, "OB DISCHRG": 2.0}


def test_a_ups_without_a_status_is_read_now_and_then():
    reader = played(statuses=lambda t: "")
    assert reader.times("status") == [] and reader.times("all") == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("poll_s", "waits"), [(10.0, [1, 2, 4, 8, 8, 8]), (0.5, [0.4, 0.4, 0.4]), (3600.0, [1, 2, 4, 8, 10, 10])]
)
def test_a_server_that_is_not_there_is_tried_again_within_a_poll(poll_s, waits):
    reader = played(poll_s=poll_s, open_fails=True)
    assert reader.waits[: len(waits)] == pytest.approx(waits)
    assert {poll.outcome for poll in reader.items} == {"refused"}


def test_a_round_that_takes_long_is_followed_by_the_next_at_once_and_by_no_burst():
    class SlowReader(PacedReader):
        def _read_status(self, name):
            if self.now == 2.0:
                self.now += 5.0
            return super()._read_status(name)

    reader = SlowReader(poll_s=60.0)
    reader.run()
    assert reader.times("status")[:4] == [7, 7, 9, 11]
