import pytest

from ingest.config.loader import parse_yaml
from ingest.config.model import ConfigError, read_config

BROKER = "mqtt: [{name: broker, host: 127.0.0.1}]\n"


def read(text, tmp_path):
    return read_config(parse_yaml(text, "config.yml"), tmp_path, "config.yml")[0]


def test_nothing_comes_in_and_nothing_is_announced_unless_it_is_asked_for(tmp_path):
    config = read(BROKER + "publish: {mqtt: broker}", tmp_path)
    assert config.publish is not None and config.sends and not config.sends_messages
    assert (config.publish.prefix, config.publish.commands, config.publish.updates) == (
        "voltkeeper",
        False,
        False,
    )
    assert config.publish.home_assistant is None
    assert not read(BROKER, tmp_path).sends


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("publish: {mqtt: brocker}", "publish.mqtt: there is no broker 'brocker': did you mean 'broker'?"),
        ("publish: {mqtt: broker, prefix: house/#}", "publish.prefix: 'house/#' is not the begin of a topic"),
        ("publish: {mqtt: broker, every_s: 1}", "publish.every_s: has to be 5 to 3600 seconds"),
        (
            "publish: {mqtt: broker, home_assistant: voltkeeper}",
            "publish.home_assistant: is the same as prefix",
        ),
        ("publish: {mqtt: broker, comands: true}", "unknown key 'comands': did you mean 'commands'?"),
    ],
)
def test_what_is_wrong_is_named(text, problem, tmp_path):
    with pytest.raises(ConfigError) as error:
        read(BROKER + text, tmp_path)
    assert problem in str(error.value)


def test_without_a_broker_it_says_how_to_name_one(tmp_path):
    with pytest.raises(ConfigError, match=r"add mqtt: \[\{name: ..., host: ...\}\]"):
        read("publish: {mqtt: broker}", tmp_path)
