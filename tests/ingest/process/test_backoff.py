"""Pauses between attempts grow up to a limit and begin anew after a success."""

from ingest.process.backoff import Backoff


def test_pauses_grow_up_to_the_limit_and_begin_anew_after_a_reset():
    backoff = Backoff(1, 10)
    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert [backoff.next_s() for _ in range(2)] == [1, 2]


def test_no_pause_is_longer_than_the_limit():
    backoff = Backoff(30, 5, factor=3)
    assert backoff.next_s() == 5
    backoff.reset()
    assert backoff.next_s() == 5
