"""`plan:` in config.yml: what is wrong is named, with the nearest right name; secrets show nowhere."""

import pytest

from ingest.config.loader import ConfigError
from ingest.config.model import read_config

SOURCES = {
    "gateways": [{"name": "main", "tcp": "127.0.0.1:1"}],
    "nut": [{"name": "closet", "ups": ["rack"]}],
    "ups": {"rack@closet": {"commands": ["beeper.mute", "load.off"]}},
}
RUN = ["/bin/true"]


def read(*steps, back=(), **plan):
    plan = {
        "name": "rack",
        "ups": ["rack@closet"],
        "on_battery": list(steps),
        "power_back": list(back),
        **plan,
    }
    return read_config({**SOURCES, "plan": [plan]}, "/", "config.yml", {"HOOK": "https://h/secret-123456"})[0]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"after_s": 1, "webhok": "x"}, "unknown key 'webhok': did you mean 'webhook'?"),
        ({"run": RUN}, "nothing says when: give after_s, charge or runtime_s"),
        ({"after_s": 1}, "a step does one thing of run, webhook, node, command, wake; this has none"),
        ({"after_s": 1, "run": RUN, "wake": "aa:bb:cc:dd:ee:ff"}, "this has run and wake"),
        ({"charge": 120, "run": RUN}, "charge: has to be 0 to 100 %"),
        ({"after_s": 1, "run": RUN, "timeout_s": 0}, "timeout_s: has to be 1 to 3600 seconds"),
        ({"after_s": 1, "wake": {"mac": 8015521990}}, "is not a MAC address: write it in quotes"),
        ({"after_s": 1, "webhook": "ftp://h"}, "has to be an address that begins with https://"),
        ({"after_s": 1, "webhook": "http://h:70000/"}, "url: has a port that is not 1 to 65535"),
        ({"after_s": 1, "webhook": "http://h/\xe4"}, "url: has letters that an address cannot have"),
        ({"after_s": 1, "webhook": {"url": "http://h", "headers": {"a": "\u20ac"}}}, "'a' is no header"),
        ({"after_s": 1, "wake": {"mac": "aa:bb:cc:dd:ee:ff", "broadcast": ""}}, "'' is not an IPv4 address"),
        (
            {"after_s": 1, "node": {"node": "main/4/300", "type": "V_STATUS", "value": "1"}},
            "'main/4/300' is not GATEWAY/NODE_ID/CHILD_ID with numbers to 254",
        ),
        (
            {"after_s": 1, "node": {"node": "main/4/1", "type": "V_STATS", "value": "1"}},
            "there is no type 'V_STATS': did you mean 'V_STATUS'?",
        ),
        ({"after_s": 1, "node": {"node": "main/4/1", "type": "V_STATUS", "value": "x"}}, "node.value: is"),
        (
            {"after_s": 1, "node": {"node": "mian/4/1", "type": "V_STATUS", "value": "1"}},
            "there is no gateway 'mian': did you mean 'main'?",
        ),
        (
            {"after_s": 1, "command": {"ups": "rack@closet", "name": "beeper.mut"}},
            "beeper.mut is not listed: did you mean 'beeper.mute'?",
        ),
        (
            {"after_s": 1, "command": {"ups": "rack@closet", "name": "load.off"}},
            "it cuts the power of the load. Where that is meant, add confirm: true",
        ),
        (
            {"after_s": 1, "command": {"ups": "rack@clost", "name": "beeper.mute"}},
            "no source has this UPS: did you mean 'rack@closet'?",
        ),
    ],
)
def test_a_wrong_step_is_named_with_what_is_meant(step, text):
    with pytest.raises(ConfigError) as caught:
        read({"name": "one", **step})
    assert text in str(caught.value) and "plan[rack]" in str(caught.value)


def test_names_fit_each_other():
    one, tell = {"name": "one", "after_s": 0, "run": RUN}, {"name": "tell", "run": RUN}
    for config, text in (
        ({"steps": [one, one]}, "the name 'one' is used twice"),
        (
            {"steps": [one], "back": [{**tell, "if_ran": ["onne"]}]},
            "no step 'onne' on battery: did you mean 'one'?",
        ),
        ({"steps": [one], "ups": ["rack@closets"]}, "plan[rack].ups: no source has this UPS"),
        ({"steps": []}, "has no steps"),
        ({"steps": [one], "when": "both"}, "'both' is none of any, all"),
        (
            {"steps": [one], "back": [tell], "settle_s": 60, "within_s": 60},
            "within_s: has to be more than settle_s",
        ),
        (
            {"steps": [one], "back": [{**tell, "after_s": 600}], "within_s": 600},
            "power_back[tell].after_s: has to be less than within_s, 600 s",
        ),
    ):
        steps = config.pop("steps")
        with pytest.raises(ConfigError) as caught:
            read(*steps, **config)
        assert text in str(caught.value)
    assert [step.kind for step in read(one, back=[tell]).plan[0].steps] == ["run", "run"]


def test_secrets_of_a_webhook_show_nowhere():
    step = {
        "name": "one",
        "after_s": 0,
        "webhook": {"url": {"$env": "HOOK"}, "headers": {"x-key": {"$env": "HOOK"}}},
    }
    config = read(step)
    assert config.plan[0].on_battery[0].webhook.headers == {"x-key": "https://h/secret-123456"}
    assert "secret-123456" not in repr(config)
    step["webhook"] |= {"method": "GET", "body": "x"}
    with pytest.raises(ConfigError) as caught:
        read(step)
    assert "a GET has none" in str(caught.value) and "secret-123456" not in str(caught.value)
