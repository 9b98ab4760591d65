"""When a target that fails is tried again, what it gets then, and storms."""

import pytest

from ingest.severity import Severity
from outbound.alerts.delivery import BY_RULE, LATE, Delivery
from outbound.alerts.digests import choose_next, compose_digest
from outbound.alerts.holds import LONGEST_S, is_released
from outbound.alerts.messages import ENTRIES, AlertSite, DigestReason
from outbound.alerts.model import DeliveryKind, DeliveryState
from outbound.alerts.retries import LONGEST_S as LONGEST_PAUSE_S
from outbound.alerts.retries import Retries, is_given_up
from outbound.alerts.storms import MOST, Pace

NOW = 1000.0


def delivery(id, **fields):
    values = {"kind": DeliveryKind.BEGIN, "severity": Severity.WARNING, "created_at": 100.0 + id} | fields
    return Delivery(id=id, event=id, target="phone", title=f"message {id}", text="", **values)


def busy(count, ago_s=5.0):
    pace = Pace()
    for _ in range(count):
        pace.note(NOW - ago_s)
    return pace


def ids(chosen):
    return [one.id for one in chosen.deliveries]


def test_pauses_double_to_a_quarter_of_an_hour():
    retries, now, pauses = Retries(), 0.0, []
    while now < 86_400:
        pauses.append(retries.failed(now, now))
        now += pauses[-1]
    assert pauses[:4] == [2.0, 4.0, 8.0, 15.0]
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize("away_s", [10.0, 30.0])
def test_a_target_that_returns_soon_gets_its_messages_soon(away_s):
    retries, now = Retries(), 0.0
    while now < away_s:
        now += retries.failed(now, now)
    assert now - away_s <= 15


def test_a_target_fails_after_a_while_until_it_takes_a_message():
    retries = Retries()
    retries.failed(0.0, 1.0)
    assert not retries.is_failing(14.0) and retries.is_failing(15.0)
    retries.succeeded()
    assert not retries.is_failing(100.0) and retries.failed(100.0, 100.0) == 2.0


@pytest.mark.parametrize(
    ("is_final", "attempts", "waited_s", "is_over"),
    [(True, 3, 600.0, True), (True, 3, 500.0, False), (True, 2, 900.0, False), (False, 99, 9e6, False)],
)
def test_only_what_the_service_refuses_is_given_up(is_final, attempts, waited_s, is_over):
    assert is_given_up(is_final, attempts, waited_s) is is_over


@pytest.mark.parametrize(
    ("count", "sent", "away_s", "chosen", "why"),
    [
        (3, 0, 0.0, [1], None),
        (3, 0, 20.0, [1, 2, 3], DigestReason.AWAY),
        (1, 0, 20.0, [1], None),
        (11, 0, 0.0, list(range(1, 12)), DigestReason.STORM),
        (4, 7, 0.0, [1, 2, 3, 4], DigestReason.STORM),
        (3, 7, 0.0, [1], None),
        (3, MOST, 0.0, [], None),
        (ENTRIES + 5, 0, 0.0, list(range(1, ENTRIES + 1)), DigestReason.STORM),
    ],
)
def test_what_is_sent_next(count, sent, away_s, chosen, why):
    waiting = [delivery(number) for number in range(1, count + 1)]
    found = choose_next(waiting, False, away_s, busy(sent), NOW)
    assert ids(found) == chosen
    assert found.why is why


def test_a_storm_lets_what_is_critical_through():
    waiting = [delivery(1), delivery(2, severity=Severity.CRITICAL)]
    assert choose_next(waiting, False, 0.0, busy(MOST, 5.0), NOW).pause_s == 5.0
    assert choose_next(waiting, False, 0.0, busy(MOST, 11.0), NOW).why is DigestReason.STORM
    assert choose_next(waiting[:1], False, 0.0, busy(MOST, 11.0), NOW).pause_s == 49.0


def test_reports_and_what_is_uncertain_go_alone():
    waiting = [delivery(1), delivery(2, kind=DeliveryKind.REPORT), delivery(3)]
    assert ids(choose_next(waiting, False, 20.0, Pace(), NOW)) == [1]
    assert ids(choose_next(waiting[1:], False, 20.0, Pace(), NOW)) == [2]
    assert ids(choose_next([delivery(1), delivery(2)], True, 20.0, Pace(), NOW)) == [1]


def test_what_was_held_comes_as_a_digest():
    held = [delivery(n, held_why=BY_RULE, held_until=1.0) for n in (1, 2)]
    assert choose_next([*held, delivery(3)], False, 0.0, Pace(), NOW).deliveries == tuple(held)
    assert choose_next(held[:1], False, 0.0, Pace(), NOW).why is DigestReason.RULE
    late = [delivery(n, held_why=LATE, held_until=1.0) for n in (1, 2)]
    assert choose_next(late, False, 0.0, Pace(), NOW).why is DigestReason.AWAY
    assert choose_next(late[:1], False, 0.0, Pace(), NOW).why is None


def test_a_digest_that_failed_takes_what_came_since():
    first = compose_digest([delivery(1), delivery(2)], [], DigestReason.AWAY, 500.0, AlertSite())
    assert (first.kind, first.id, first.target) == (DeliveryKind.DIGEST, 0, "phone")
    stored = delivery(9, kind=DeliveryKind.DIGEST, state=DeliveryState.QUEUED)
    carried = [delivery(1), delivery(2)]
    again = compose_digest([stored, delivery(10)], carried, DigestReason.AWAY, 600.0, AlertSite())
    assert again.id == 9
    assert [line.split("  ")[1] for line in again.text.splitlines()[1:]] == [
        "message 1",
        "message 2",
        "message 10",
    ]


@pytest.mark.parametrize(
    ("now", "is_believed", "waited_s", "is_free"),
    [
        (400.0, True, 0.0, False),
        (500.0, True, 0.0, True),
        (500.0, False, 0.0, False),
        (500.0 - LONGEST_S - 1, True, 0.0, True),  # the clock was ahead when it was held
        (400.0, False, LONGEST_S + 1, True),
    ],
)
def test_a_hold_ends_by_a_clock_that_is_believed(now, is_believed, waited_s, is_free):
    held = delivery(1, held_why=BY_RULE, held_until=500.0)
    assert is_released(held, now, is_believed, waited_s) is is_free
