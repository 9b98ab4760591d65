"""The two files of a new installation: `config.yml`, and `voltkeeper.env` with its secrets."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ingest.config.environment_file import FILE, environment_file, parse_environment
from ingest.config.model import load_config
from voltkeeper.setup.sources import Source

HASH_NAME, TOKEN_NAME = "OWNER_PASSWORD_HASH", "API_TOKEN"
RIGHTS = "[edit, order, upload, maintain]"
SECTIONS = {
    "gateways": "MySensors gateways",
    "nut": "NUT servers; without ups: all that a server lists",
    "mqtt": "MQTT brokers: a gateway with mqtt: and publish: {mqtt: ...} name one",
    "must": "MUST EP20s on a serial port",
}
EXAMPLES = {
    "gateways": "{name: main, tcp: 192.168.1.20:5003}",
    "nut": "{name: nut, host: 127.0.0.1}",
    "mqtt": "{name: broker, host: 192.168.1.5, username: voltkeeper, password: {$env: MQTT_PASSWORD}}",
    "must": "{name: must, serial: /dev/ttyUSB0}",
}


@dataclass(frozen=True)
class Installation:
    """What a new config says."""

    title: str
    timezone: str
    sources: Sequence[Source]
    host: str = "127.0.0.1"
    port: int = 8001
    owner: str = "owner"


def config_text(new: Installation) -> str:
    """The config, with a comment for whatever is not plain."""
    return "\n".join(
        (
            f"# Voltkeeper's configuration, written by `voltkeeper setup` on {time.strftime('%Y-%m-%d')}.",
            "# config.example.yml explains every key; `voltkeeper check` tries every setting and source.",
            f"# The secrets are in {FILE} beside this file, which its owner alone can read.",
            "",
            _line(f"title: {scalar(new.title)}", "stands on every page"),
            _line(f"timezone: {scalar(new.timezone)}", "days, hours, tariffs and the log follow it"),
            _line("database: data/telemetry.db", "one SQLite file holds everything"),
            "",
            *_sources(new.sources),
            _line(f"web: {{host: {scalar(new.host)}, port: {new.port}}}", _about_host(new.host)),
            "",
            "access:",
            _line("  read: anyone", "or signed-in"),
            "  people:",
            f"    - {{name: {new.owner}, password_hash: {{$env: {HASH_NAME}}}, may: {RIGHTS}}}",
            "  tokens:",
            _line(
                f"    - {{name: api, token: {{$env: {TOKEN_NAME}}}, may: {RIGHTS}}}",
                "for programs: Authorization: Bearer TOKEN",
            ),
            "",
            "# What energy costs; each line may have from:, to:, hours: and days:",
            "energy: []",
            "# - {from: 2026-01-01, price_per_kwh: 0.32, currency: EUR}",
            "",
        )
    )


def scalar(text: str) -> str:
    """A text as YAML, in quotes where it needs them within braces."""
    quoted = yaml.safe_dump(text, default_flow_style=True, width=10_000, allow_unicode=True)
    plain = quoted.removesuffix("\n").removesuffix("\n...")
    needs_quotes = plain == text and re.search(r"[,\[\]{}#]", text)
    return f"'{text.replace(chr(39), chr(39) * 2)}'" if needs_quotes else plain


def _sources(sources: Sequence[Source]) -> list[str]:
    lines = []
    for section, about in SECTIONS.items():
        own = [source for source in sources if source.section == section]
        lines += [f"# {about}", f"{section}:" if own else f"{section}: []"]
        for source in own:
            keys = "".join(f", {key}: {scalar(str(value))}" for key, value in source.keys)
            found = " ".join(filter(str.isprintable, source.finding.message.split()))
            lines.append(f"  # {'' if source.finding.ok else 'not reached: '}{found}"[:110])
            lines.append(f"  - {{name: {source.name}{keys}}}")
        if not own:
            lines.append(f"# - {EXAMPLES[section]}")
        lines.append("")
    return lines


def _about_host(host: str) -> str:
    if host in ("127.0.0.1", "localhost", "::1"):
        return "this machine alone; 0.0.0.0 opens it to the network"
    return "open to the network"


def _line(text: str, comment: str) -> str:
    return f"{text:<40} # {comment}"


def environment_text(password_hash: str, token: str) -> str:
    """The secrets, for Voltkeeper, a shell and systemd's EnvironmentFile= alike."""
    return f"# Secrets of config.yml: keep them.\n{HASH_NAME}='{password_hash}'\n{TOKEN_NAME}='{token}'\n"


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_hex(20)


def new_password() -> str:
    """A password that can be read and typed: four groups of five letters and digits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def existing_files(config: Path) -> list[Path]:
    """Those of the two files that are there."""
    return [path for path in (config, environment_file(config)) if path.exists()]


def write_files(config: Path, text: str, environment: str) -> list[Path]:
    """Write both files, the config only if the loader takes it; returns what was kept of earlier ones.

    Raises ConfigError, OSError; nothing is changed then.
    """
    config.parent.mkdir(parents=True, exist_ok=True)
    secret_path = environment_file(config)
    new = {secret_path: _written(secret_path, environment), config: _written(config, text)}
    try:
        _check(new[config], environment)
        kept = []
        for path in existing_files(config):
            before = _free(path)
            shutil.copy2(path, before)
            kept.append(before)
        for path, written in new.items():
            os.replace(written, path)
    finally:
        for written in new.values():
            written.unlink(missing_ok=True)
    return kept


def _written(path: Path, text: str) -> Path:
    """A new file beside `path`, private to its owner."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return written


def _check(written: Path, environment: str) -> None:
    """Read the new config with its secrets, as `voltkeeper up` will. Raises ConfigError."""
    load_config(written, environment=parse_environment(environment))


def _free(path: Path) -> Path:
    """A name for what is replaced: config.yml.before, config.yml.before-2 ..."""
    number = 1
    while (before := path.with_name(f"{path.name}.before{'' if number == 1 else f'-{number}'}")).exists():
        number += 1
    return before
