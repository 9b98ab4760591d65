"""The pace of a reader by a clock of its own: what is asked when, and how long is waited after a failure."""

import pytest

from ingest.pipeline.source_health import Health
from ingest.ups.polling import FullAnswer, SourceError, SourceReader, UpsError
from ingest.ups.records import Poll
from ingest.ups.settings import UpsSettings


class PacedReader(SourceReader):
    """A reader of one UPS whose time passes by its waits alone; `statuses(t)` is the `ups.status`."""

    def __init__(
        self,
        statuses=lambda t: "OL",
        until=60.0,
        status_s=2.0,
        poll_s=10.0,
        open_fails=False,
        settings=None,
        fails=lambda t: None,
    ):
        self.now = 0.0
        self.items = []
        self.asked = []  # (time, "status" or "all")
        self.waits = []
        self.statuses, self.until, self.open_fails, self.fails = statuses, until, open_fails, fails
        super().__init__(
            "closet",
            status_s,
            poll_s,
            Health("closet", "nut", ""),
            self.items.append,
            lambda: self.now,
            settings,
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
        if error := self.fails(self.now):
            raise error
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


@pytest.mark.parametrize(
    "status",
    [
        "OL DISCHRG",  # a Back-UPS that is full: NUT issues 1970, 2212
        "DISCHRG OL",
        "OL DISCHRG CHRG",
        "OL DISCHRG RB",
        "ALARM OL DISCHRG LB",
        "OL CAL DISCHRG",
        "DISCHRG",
        "OL BOOST DISCHRG TEST",
    ],
)
def test_discharging_on_mains_is_no_reason_to_ask_more_often(status):
    reader = played(statuses=lambda t: status)
    assert reader.times("all") == [0, 10, 20, 30, 40, 50]
    assert {poll.interval_s for poll in reader.items} == {10.0}


@pytest.mark.parametrize("status", ["OB", "OL OB DISCHRG", "FSD OB LB", "OB DISCHRG TEST", "ALARM OB"])
def test_every_other_word_beside_ob_leaves_it_an_outage(status):
    assert played(statuses=lambda t: status, poll_s=60.0).times("all") == [*range(0, 60, 2)]


@pytest.mark.parametrize(
    ("settings", "fast"),
    [
        ({"rack@closet": UpsSettings(discharging_is_outage=True)}, True),
        ({"rack@closet": UpsSettings()}, False),
        ({"desk@closet": UpsSettings(discharging_is_outage=True)}, False),
        (None, False),
    ],
)
def test_discharging_is_an_outage_where_the_config_says_so_of_this_ups(settings, fast):
    reader = played(statuses=lambda t: "OL DISCHRG", poll_s=60.0, settings=settings)
    assert reader.times("all") == ([*range(0, 60, 2)] if fast else [0])


def test_charging_and_discharging_in_turn_costs_a_full_poll_now_and_then():
    """A Back-UPS on mains whose word changes with every look (NUT issue 2347), and one real change."""
    reader = played(statuses=lambda t: "OL DISCHRG" if t % 4 else "OL CHRG" if t < 30 else "OL CHRG TRIM")
    fulls = [poll for poll in reader.items if poll.variables is not None]
    assert len(fulls) <= 60 / 10 * 1.5 + (60 - 30) / 2
    reader = played(statuses=lambda t: "OL DISCHRG" if t % 4 else "OL CHRG")
    assert len(reader.times("all")) <= 60 / 10 * 1.5
    told = [poll.status for poll in reader.items]
    assert told[:4] == ["OL CHRG", "OL DISCHRG", "OL CHRG", "OL DISCHRG"]  # none of them is kept back


@pytest.mark.parametrize(
    ("before", "after"),
    [("OL", "OB"), ("OL CHRG", "OB DISCHRG"), ("OB DISCHRG", "OL"), ("OL", "OL TRIM"), ("OL DISCHRG", "OL")],
)
def test_a_changed_status_comes_with_all_variables_as_one_poll(before, after):
    reader = played(statuses=lambda t: before if t < 15 else after, poll_s=60.0, until=18.0)
    changed = [poll for poll in reader.items if poll.status == after]
    assert changed and all(poll.variables == {"ups.status": after} for poll in changed)
    assert reader.times("all")[-1] == 16.0


def test_a_status_that_has_changed_again_meanwhile_is_kept():
    reader = PacedReader(statuses=lambda t: "OL", poll_s=60.0, until=8.0)
    reader._read_status = lambda name: "OB" if reader.now == 4.0 else "OL"
    reader.run()
    told = [(poll.status, poll.variables) for poll in reader.items]
    assert told[1:3] == [("OB", None), ("OL", {"ups.status": "OL"})]


@pytest.mark.parametrize(
    "error", [UpsError("stale", "the driver lost it"), SourceError("timeout", "no answer")]
)
def test_a_changed_status_is_kept_where_nothing_else_can_be_read(error):
    reader = played(
        statuses=lambda t: "OL" if t < 5 else "OB",
        poll_s=60.0,
        until=8.0,
        fails=lambda t: error if t == 6 else None,
    )
    told = [(poll.outcome, poll.status, poll.variables is not None) for poll in reader.items]
    assert told[:3] == [("ok", "OL", True), ("ok", "OB", False), (error.outcome, "", False)]


def test_a_server_that_ends_each_connection_is_news_once_in_a_while(caplog):
    """A small server that hangs up every 15 s would fill a log otherwise."""

    class EndingReader(PacedReader):
        def _read_status(self, name):
            if self.now % 14 == 12:
                self.now += 2
                raise SourceError("closed", "the server closed the connection")
            return super()._read_status(name)

    caplog.set_level("INFO")
    EndingReader(until=590.0, poll_s=60.0).run()
    assert sum("connecting anew" in line for line in caplog.messages) == 1
    caplog.clear()
    EndingReader(until=1300.0, poll_s=60.0).run()
    assert sum("connecting anew" in line for line in caplog.messages) == 3
