"""Answers as lines: ids, configuration, time, the last value."""

import pytest

from ingest.mysensors import replies
from ingest.mysensors.protocol import Header


def test_gaps_of_the_ids_are_used_and_none_is_invented():
    assert replies.free_id({0, 255}, {}, 0) == 1
    assert replies.free_id({1, 2, 4}, {}, 0) == 3
    assert replies.free_id(set(range(1, 254)), {}, 0) == 254
    assert replies.free_id(set(range(1, 255)), {}, 0) is None


def test_when_no_id_is_free_one_that_nobody_used_for_a_day_is_assigned_again():
    taken = set(range(1, 255))
    day = replies.UNUSED_ID_S
    assert replies.free_id(taken, {9: 100.0, 7: 50.0}, 50.0 + day + 1) == 7
    assert replies.free_id(taken, {9: 100.0, 7: 50.0}, 50.0 + day - 1) is None
    assert replies.free_id(taken - {200}, {7: 50.0}, 50.0 + 2 * day) == 200


def test_an_id_goes_back_with_the_token_of_the_request():
    assert replies.answer_id(Header(255, 79, 3, 0, 3), 7) == "255;79;3;0;4;7\n"


def test_units_follow_the_config():
    request = Header(42, 255, 3, 0, 6)
    assert replies.answer_config(request, True) == "42;255;3;0;6;M\n"
    assert replies.answer_config(request, False) == "42;255;3;0;6;I\n"


REQUEST = Header(42, 1, 2, 0, 47)


@pytest.mark.parametrize("value", ["21.5", "0", "x" * 25, "ü" * 12])
def test_a_request_is_answered_with_the_last_value(value):
    assert replies.answer_request(REQUEST, {Header(42, 1, 1, 0, 47): value}) == f"42;1;1;0;47;{value}\n"


@pytest.mark.parametrize("value", [None, "", "a;b", "x" * 26, "ü" * 13, "a\r0;255;3;0;13;"])
def test_a_value_that_would_not_arrive_as_it_is_is_not_sent(value):
    assert replies.answer_request(REQUEST, {Header(42, 1, 1, 0, 47): value}) is None
    assert replies.answer_request(REQUEST, {Header(42, 1, 1, 1, 47): "echo"}) is None
