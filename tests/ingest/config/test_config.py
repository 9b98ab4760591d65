"""config.yml: what it means, and what is said about each mistake."""

import re
import sys
import zoneinfo
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from datasette_auth_passwords.utils import hash_password

from ingest.config.loader import SectionReader
from ingest.config.model import (
    Config,
    ConfigError,
    GatewaySettings,
    Logging,
    load_config,
    load_with_secrets,
    machine_timezone,
)
from ingest.config.nut import NO_TLS, NutTls
from tests.helpers.config_text import parse_config

ROOT = Path(__file__).resolve().parents[3]
HASH = hash_password("x", "salt", 1)
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("text", ["", "# nothing\n", "gateways:\n", "gateways: []", "log:\naccess:\n"])
def test_a_config_without_a_source_is_right(text, tmp_path):
    config = parse_config(text, tmp_path)
    assert config.gateways == ()
    assert config.database == tmp_path / "data/telemetry.db"
    assert config.timezone == machine_timezone()
    assert (config.web.host, config.web.port, config.commit_s) == ("127.0.0.1", 8001, 1)
    assert config.access.read == "anyone" and not config.demo


def test_every_key_of_a_gateway(tmp_path):
    text = """
    gateways:
      - {name: main, tcp: "192.168.1.20:5003", controller: false, metric: false, repeat_window_s: 0.5}
      - {name: shed, serial: /dev/ttyUSB0, baudrate: 38400, answers: {ids: false}}
      - {name: six, tcp: "[fe80::1]:5003"}
    """
    main, shed, six = parse_config(text, tmp_path).gateways
    assert main == GatewaySettings(
        "main", tcp="192.168.1.20:5003", controller=False, metric=False, repeat_window_s=0.5
    )
    assert (main.address, shed.address) == ("tcp 192.168.1.20:5003", "serial /dev/ttyUSB0")
    assert shed.baudrate == 38400 and shed.controller and not shed.answers.ids and shed.answers.time
    assert six.tcp == "[fe80::1]:5003"


def test_paths_count_from_the_folder_of_the_config(write_config, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = load_config(write_config("database: house.db\nlog: {file: logs/v.log}"))
    assert config.database == tmp_path / "house.db"
    assert config.log == Logging(file=tmp_path / "logs/v.log")
    assert config.path == tmp_path / "config.yml"
    assert parse_config("database: /var/lib/v.db", tmp_path).database == Path("/var/lib/v.db")
    assert parse_config("database: ~/v.db", tmp_path).database == Path.home() / "v.db"


MISTAKES = [
    ("gatways: []", "unknown key 'gatways': did you mean 'gateways'?"),
    ("log: {levl: INFO}", "log: unknown key 'levl': did you mean 'level'?"),
    (
        "gateways: [{name: a, tcp: 'h:1', answers: {id: no}}]",
        "gateways[a].answers: unknown key 'id': did you mean 'ids",
    ),
    ("zzz: 1", "unknown key 'zzz': known here: title, timezone"),
    ("demo: true", "unknown key 'demo'"),
    ("path: /x", "unknown key 'path'"),
    ("- a list", "has to be a mapping with the keys title"),
    ("title: [", "line 1: cannot be read as YAML"),
    ("title: a\ntitle: b", "line 2: cannot be read as YAML: the key 'title' is given twice"),
    ("title: {a: b}", "title: has to be text, not {'a': 'b'}"),
    ("title:", "title: has no value"),
    ("timezone: Mars/Olympus", "timezone: 'Mars/Olympus' is not a time zone; they look like Europe/Rome"),
    ("timezone: Europe", "timezone: 'Europe' is not a time zone"),
    ("timezone: ../etc/passwd", "is not a time zone"),
    ("commit_s: 0", "commit_s: has to be more than 0 and at most 600"),
    ("commit_s: .nan", "commit_s: has to be a number, not nan"),
    ("commit_s: .inf", "commit_s: has to be a number, not inf"),
    ("commit_s: true", "commit_s: has to be a number, not True"),
    ("min_free_mb: -1", "min_free_mb: has to be 0 or more"),
    ("min_free_mb: much", "min_free_mb: has to be a number, not 'much'"),
    ("commit_s: soon", "commit_s: has to be a number, not 'soon'"),
    ("plugins: {x: {csp: {script-src: [a]}}}", "plugins.x.paths: is needed with csp"),
    ("plugins: {x: {paths: [/], csp: {}}}", "plugins.x.paths: '/' is no path below which"),
    ("plugins: {x: {paths: [/x], csp: {scrip-src: [a]}}}", "did you mean 'script-src'?"),
    ("plugins: {x: {paths: [/x], csp: {img-src: ['a; b']}}}", "plugins.x.csp.img-src: 'a; b' is no source"),
    ("web: {port: 80.5}", "web.port: has to be a whole number, not 80.5"),
    ("web: {port: 70000}", "web.port: 70000 is not a port"),
    ("web: {host: ''}", "web.host: is empty"),
    ("web: 8001", "web: has to be a mapping with the keys host, port"),
    ("log: {level: LOUD}", "log.level: 'LOUD' is not a log level: choose from DEBUG, INFO, WARNING, ERROR"),
    ("log: {level: warn}", "log.level: 'warn' is not a log level: did you mean 'WARNING'?"),
    ("log: {rotate_mb: 0}", "log.rotate_mb: has to be more than 0"),
    ("log: {keep: 0}", "log.keep: has to be 1 or more"),
    ("gateways: {name: a}", "gateways: has to be a list"),
    ("gateways: [{tcp: 'h:1'}]", "gateways[1].name: is missing, and needed"),
    (
        "gateways: [{name: Main, tcp: 'h:1'}]",
        "gateways[Main].name: 'Main' is not a valid name: use small letters",
    ),
    (
        "gateways: [{name: on, tcp: 'h:1'}]",
        "gateways[1].name: reads as yes or no in YAML: put the word in quotes",
    ),
    ("gateways: [{name: a}]", "gateways[a]: needs exactly one of tcp: HOST:PORT and serial: DEVICE"),
    ("gateways: [{name: a, tcp: 'h:1', serial: /dev/x}]", "gateways[a]: needs exactly one of"),
    ("gateways: [{name: a, tcp: '192.168.1.20'}]", "gateways[a].tcp: '192.168.1.20' is not HOST:PORT"),
    ("gateways: [{name: a, tcp: 'h:70000'}]", "gateways[a].tcp: 'h:70000' is not HOST:PORT"),
    ("gateways: [{name: a, tcp: 'tcp://h:1'}]", "is not HOST:PORT"),
    ("gateways: [{name: a, serial: ttyUSB0}]", "gateways[a].serial: 'ttyUSB0' is not a device"),
    ("gateways: [{name: a, serial: /dev/x, baudrate: 0}]", "gateways[a].baudrate: has to be more than 0"),
    (
        "gateways: [{name: a, tcp: 'h:1', metric: 'no'}]",
        "gateways[a].metric: has to be true or false, not 'no'",
    ),
    (
        "gateways: [{name: a, tcp: 'h:1', repeat_window_s: -1}]",
        "gateways[a].repeat_window_s: has to be 0 (off)",
    ),
    ("gateways: [{name: a, tcp: 'h:1'}, {name: a, tcp: 'h:2'}]", "gateways: the name 'a' is used twice"),
    (
        "gateways: [{name: a, tcp: 'h:1'}, {name: b, tcp: 'h:1'}]",
        "gateways: the address 'tcp h:1' is used twice",
    ),
    ("access: {read: nobody}", "access.read: 'nobody' is neither anyone nor signed-in"),
    ("access: {read: signed-in}", "no user could sign in"),
    ("access: {sql: signed-in}", "access.sql: is signed-in, but no user could sign in"),
    ("access: {sql: nobody}", "access.sql: 'nobody' is none of anyone, signed-in, off"),
    ("access: {sql: true}", "access.sql: True is none of anyone, signed-in, off"),
    (
        f"access: {{people: [{{name: o, password_hash: {HASH}, may: [ordr]}}]}}",
        "access.people[o].may: 'ordr' is not a right: did you mean 'order'?",
    ),
    (
        "access: {people: [{name: o, password_hash: plain}]}",
        "access.people[o].password_hash: is not a password hash: `voltkeeper hash-password`",
    ),
    (
        "access: {tokens: [{name: ci, token: short}]}",
        "access.tokens[ci].token: has to be 16 or more ASCII characters",
    ),
    (
        f"access: {{people: [{{name: o, password_hash: {HASH}}}], tokens: [{{name: o, token: {TOKEN}}}]}}",
        "access.people and tokens: the name 'o' is used twice",
    ),
    (
        f"access: {{tokens: [{{name: a, token: {TOKEN}}}, {{name: b, token: {TOKEN}}}]}}",
        "access.tokens: two of them are the same",
    ),
    (
        "access: {tokens: [{name: ci, token: {$env: VK_NOT_SET}}]}",
        "access.tokens[ci].token: the environment variable VK_NOT_SET is not set: set it",
    ),
    (
        "access: {tokens: [{name: ci, token: {$env: VK_EMPTY}}]}",
        "access.tokens[ci].token: the environment variable VK_EMPTY is empty",
    ),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES, ids=[words[:50] for _, words in MISTAKES])
def test_a_mistake_is_told_with_file_key_and_remedy(text, words, write_config, monkeypatch):
    monkeypatch.setenv("VK_EMPTY", "")
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(text))
    assert words in str(caught.value)
    assert str(caught.value).startswith("config.yml")


def test_all_mistakes_are_told_at_once(write_config):
    text = "titel: x\ncommit_s: soon\ngateways: [{name: A, tcp: x}, {name: b}]\nweb: {prt: 1}\n"
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(text))
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    for words in ("'titel'", "commit_s", "gateways[A].name", "gateways[A].tcp", "gateways[b]", "'prt'"):
        assert any(words in line for line in lines)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"copy config\.example\.yml"):
        load_config(tmp_path / "none.yml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin.yml").write_bytes(b"title: caf\xe9")
    with pytest.raises(ConfigError, match="is not UTF-8 at byte 10"):
        load_config(tmp_path / "latin.yml")


def test_secrets_come_from_the_environment_and_never_show(write_config, monkeypatch):
    monkeypatch.setenv("VK_HASH", HASH)
    monkeypatch.setenv("VK_TOKEN", TOKEN)
    people = "people: [{name: owner, password_hash: {$env: VK_HASH}, may: [edit]}]"
    tokens = (
        "tokens: [{name: ci, token: {$env: VK_TOKEN}, may: [upload]}, {name: two, token: fedcba9876543210}]"
    )
    config, literals = load_with_secrets(write_config(f"access:\n  {people}\n  {tokens}"))
    (owner,), (ci, two) = config.access.people, config.access.tokens
    assert (owner.password_hash, ci.token, two.token) == (HASH, TOKEN, "fedcba9876543210")
    assert (owner.may, ci.may) == ({"edit"}, {"upload"})
    assert literals == ["access.tokens[two].token"]
    for secret in (HASH, TOKEN, two.token):
        assert secret not in repr(config)


def test_a_secret_that_may_be_left_out_is_told_once_and_only_where_it_is_written(write_config, monkeypatch):
    monkeypatch.setenv("VK_WORD", TOKEN)
    keys = "username: x, password: {$env: VK_WORD}, command_username: y, command_password: written"
    nut = f"nut: [{{name: a, {keys}}}]"
    assert load_with_secrets(write_config(nut))[1] == ["nut[a].command_password"]


@pytest.mark.parametrize(
    "text", ["{name: ci, token: [hunter2hunter2]}", "{name: ci, token: hunter2é-hunter2}"]
)
def test_an_error_does_not_show_a_secret(text, write_config):
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(f"access: {{tokens: [{text}]}}"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["timezone: Europe/Rome", "timezone: UTC", "title: none is named"])
def test_missing_time_zone_data_is_named_as_what_it_is(monkeypatch, text):
    for name in {"tzdata", *(name for name in sys.modules if name.startswith("tzdata."))}:
        monkeypatch.setitem(sys.modules, name, None)  # its import fails, as where it is not installed
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        with pytest.raises(ConfigError, match="time zone data is missing: install tzdata"):
            parse_config(text, "/")
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()


def test_the_machine_time_zone(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Rome")
    assert machine_timezone() == "Europe/Rome"
    monkeypatch.setenv("TZ", ":Asia/Kolkata")
    assert machine_timezone() == "Asia/Kolkata"
    monkeypatch.setenv("TZ", "nonsense")
    assert parse_config("", "/").timezone == machine_timezone()


def keys_of(section):
    """The keys of a section and of all sections in it."""
    for one in fields(section):
        value = getattr(section, one.name)
        if not one.metadata.get("unlisted"):
            yield one.metadata.get("key", one.name)
        inners = (
            value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        )
        for inner in inners:
            if is_dataclass(inner):
                yield from keys_of(inner)


def test_the_example_can_be_loaded_and_explains_every_key():
    path = ROOT / "config.example.yml"
    assert [gateway.name for gateway in load_config(path).gateways] == ["main"]
    text = path.read_text()
    uncommented = re.sub(r"^( *)# (?=- |  )", r"\1", text, flags=re.MULTILINE).replace(": []", ":")
    uncommented = uncommented.replace("mail: null", "mail: {host: smtp.example.org, from: a@example.org}")
    reader = SectionReader(
        "/",
        {
            **{"OWNER_PASSWORD_HASH": HASH, "CI_TOKEN": TOKEN, "NUT_PASSWORD": "a"},
            **{
                "NUT_COMMAND_PASSWORD": "b",
                "MQTT_PASSWORD": "c",
                "ALERT_PHONE_URL": "ntfy://localhost/topic",
            },
        },
    )
    full = reader.section(Config, yaml.safe_load(uncommented))
    assert reader.errors == []
    assert [gateway.name for gateway in full.gateways] == ["main", "shed", "attic"]
    assert [one.name for one in (*full.access.people, *full.access.tokens)] == ["owner", "ci"]
    assert [one.name for one in (*full.nut, *full.must)] == ["closet", "garage"] and [*full.ups] == [
        "rack@closet"
    ]
    for key in keys_of(full):
        assert re.search(rf"(^[ #-]*|[{{,] *)\b{key}:", text, re.MULTILINE), f"{key} is not explained"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", NO_TLS),
        (", tls: ", NutTls()),
        (", tls: {}", NutTls()),
        (", tls: {verify: false}", NutTls(verify=False)),
    ],
)
def test_the_presence_of_tls_turns_it_on(tmp_path, keys, expected):
    assert parse_config(f"nut: [{{name: a{keys}}}]", tmp_path).nut[0].tls == expected


def test_certificates_count_from_the_folder_of_the_config(tmp_path):
    text = "nut: [{name: a, tls: {ca: nas.crt, cert: /etc/v.crt, key: keys/v.key}}]"
    tls = parse_config(text, tmp_path).nut[0].tls
    assert tls == NutTls(ca=tmp_path / "nas.crt", cert=Path("/etc/v.crt"), key=tmp_path / "keys/v.key")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("tls: true", "nut[a].tls: has to be a mapping with the keys verify, ca, cert, key"),
        ("tls: false", "nut[a].tls: has to be a mapping with the keys verify, ca, cert, key"),
        ("tls: {verfy: false}", "nut[a].tls: unknown key 'verfy': did you mean 'verify'?"),
        ("tls: {used: false}", "nut[a].tls: unknown key 'used'"),
        ("tls: {verify: maybe}", "nut[a].tls.verify: has to be true or false"),
        ("tls: {verify: false, ca: a.crt}", "nut[a].tls.ca: is of no use with verify: false"),
        ("tls: {key: a.key}", "nut[a].tls.key: is the key of cert"),
    ],
)
def test_mistakes_in_tls(tmp_path, keys, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_config(f"nut: [{{name: a, {keys}}}]", tmp_path)
