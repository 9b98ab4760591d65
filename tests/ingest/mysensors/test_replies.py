"""Answers as lines: ids, configuration, time, the last value."""

import pytest

from ingest.mysensors import replies
from ingest.mysensors.protocol import Header


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
