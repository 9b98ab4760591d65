"""The course of `voltkeeper setup`: questions on a terminal, options and exit codes in a pipe."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from datasette_auth_passwords.utils import hash_password

from ingest.config.checks import NAME, timezone_problem
from ingest.config.environment_file import environment_file
from ingest.config.model import ConfigError, machine_timezone
from voltkeeper.paint import Paint
from voltkeeper.setup.files import (
    Installation,
    config_text,
    environment_text,
    existing_files,
    new_password,
    new_token,
    write_files,
)
from voltkeeper.setup.sources import KINDS, TRIES, Source, local_upsd, serial_ports


@dataclass(frozen=True)
class SetupOptions:
    """What the command line says; `asks`: a person answers questions."""

    config: Path
    gateways: Sequence[str] = ()
    nut: Sequence[str] = ()
    mqtt: Sequence[str] = ()
    must: Sequence[str] = ()
    title: str | None = None
    timezone: str | None = None
    host: str = "127.0.0.1"
    port: int = 8001
    owner: str | None = None
    password: str | None = None  # of the owner; None: asked for, or made
    search: bool = True  # for upsd and serial ports of this machine
    untested: bool = False  # take named sources that do not answer
    replace: bool = False  # files that are there
    asks: bool = False


class SetupStoppedError(Exception):
    """Why nothing was written, for people."""


class Setup:
    """One run: the sources that were found, and the answers."""

    def __init__(self, options: SetupOptions) -> None:
        self._options = options
        self._paint = Paint(sys.stdout)
        self._sources: list[Source] = []

    def run(self) -> int:
        """Ask, try and write. Returns the exit code."""
        try:
            self._check_files()
            self._take_named()
            if self._options.search:
                self._look_around()
            if self._options.asks:
                self._ask_sources()
            return self._write(self._describe())
        except SetupStoppedError as error:
            click.echo(f"{error}\nNothing was written.", err=True)
            return 1
        except click.Abort:
            click.echo("\nStopped: nothing was written.", err=True)
            return 1

    def _check_files(self) -> None:
        there = existing_files(self._options.config)
        if not there or self._options.replace:
            return
        names = " and ".join(str(path) for path in there)
        verb = "is" if len(there) == 1 else "are"
        if not self._options.asks:
            raise SetupStoppedError(
                f"{names} {verb} there: --replace writes anew, and keeps the old as .before"
            )
        question = f"{names} {verb} there. Write anew? The old is kept as .before"
        if not click.confirm(question, default=False):
            raise SetupStoppedError(f"{names}: left as {'it is' if len(there) == 1 else 'they are'}.")

    def _take_named(self) -> None:
        options = self._options
        for section, addresses in (
            ("gateways", options.gateways),
            ("nut", options.nut),
            ("mqtt", options.mqtt),
            ("must", options.must),
        ):
            for address in addresses:
                source = self._try(section, address)
                if not source.finding.ok and not options.untested:
                    raise SetupStoppedError(
                        f"{source.title} is not usable; --untested takes it all the same."
                    )
                self._sources.append(source)

    def _look_around(self) -> None:
        click.echo("Looking on this machine for a NUT server and for serial ports.")
        if not any(source.section == "nut" and dict(source.keys)["host"] in HERE for source in self._sources):
            upsd = local_upsd()
            if upsd is None:
                click.echo("no NUT server answers on port 3493")
            else:
                self._report(upsd)
                if not self._options.asks or click.confirm("Read its UPSes?", default=True):
                    self._sources.append(upsd)
        used = {value for source in self._sources for _, value in source.keys}
        for port in serial_ports():
            if port.device in used:
                continue
            click.echo(f"serial port {port.device} ({port.description})")
            if self._options.asks:
                self._ask_port(port.device)

    def _ask_port(self, device: str) -> None:
        answer = click.prompt(
            "What is there: a MySensors [g]ateway, a MUST [E]P20, or something [o]ther?",
            type=click.Choice(["g", "e", "o"], case_sensitive=False),
            default="o",
            show_choices=False,
        )
        if answer != "o":
            self._keep("gateways" if answer == "g" else "must", device)

    def _ask_sources(self) -> None:
        for section, article, example in (
            ("gateways", "a", "192.168.1.20 or 192.168.1.20:5003"),
            ("nut", "a", "192.168.1.30"),
            ("mqtt", "an", "192.168.1.5"),
        ):
            while address := click.prompt(
                f"Address of {'a further' if self._has(section) else article} {KINDS[section]}, "
                f"such as {example}; Enter: none",
                default="",
                show_default=False,
            ).strip():
                self._keep(section, address)

    def _has(self, section: str) -> bool:
        return any(source.section == section for source in self._sources)

    def _keep(self, section: str, address: str) -> None:
        """Try a source, and take it if it answers or is wanted all the same."""
        source = self._try(section, address)
        if source.finding.ok or click.confirm("Take it all the same?", default=False):
            self._sources.append(source)

    def _try(self, section: str, address: str) -> Source:
        if any(address in [str(value) for _, value in source.keys] for source in self._sources):
            raise SetupStoppedError(f"{address} is named twice.")
        click.echo(f"Trying {KINDS[section]} {address} ...")
        source = TRIES[section](address, [source.name for source in self._sources])
        self._report(source)
        return source

    def _report(self, source: Source) -> None:
        word = "ok" if source.finding.ok else "FAILED"
        click.echo(self._paint.line(f"{word:7} {source.title}: {source.finding.message}"))

    def _describe(self) -> Installation:
        """The rest of the config."""
        options = self._options
        title, timezone = options.title, options.timezone or machine_timezone()
        owner = options.owner
        if options.asks:
            title = title or click.prompt("Title of the site", default="Home")
            if options.timezone is None:
                timezone = click.prompt("Time zone", default=timezone, value_proc=_timezone)
            owner = owner or click.prompt("Name to sign in with", default="owner", value_proc=_name)
        for check, value in ((_timezone, timezone), (_name, owner or "owner")):
            try:
                check(value)
            except click.UsageError as error:
                raise SetupStoppedError(error.message) from error
        return Installation(
            title or "Home", timezone, self._sources, options.host, options.port, owner or "owner"
        )

    def _write(self, new: Installation) -> int:
        options = self._options
        password = options.password
        if password is None and options.asks:
            password = click.prompt(
                f"Password of {new.owner}; Enter: one is made",
                default="",
                show_default=False,
                hide_input=True,
                confirmation_prompt="The same again",
            )
        made = None if password else new_password()
        try:
            kept = write_files(
                options.config,
                config_text(new),
                environment_text(hash_password(password or made or ""), new_token()),
            )
        except (ConfigError, OSError) as error:
            raise SetupStoppedError(str(error)) from error
        for path in kept:
            click.echo(f"kept    {path}")
        count = len(self._sources)
        click.echo(f"written {options.config}, with {count or 'no'} source{'' if count == 1 else 's'}")
        click.echo(
            f"written {environment_file(options.config)}: password hash and token, for you alone to read"
        )
        if made:
            click.echo(f"Sign in as {new.owner} with the password {made} (it is shown this once)")
        at = "" if options.config == Path("config.yml") else f" --config {options.config}"
        click.echo(f"Start with: voltkeeper up{at}")
        return 0


HERE = ("127.0.0.1", "localhost", "::1")


def _timezone(text: str) -> str:
    problem = timezone_problem(text)
    if problem:
        raise click.UsageError(f"--timezone: {problem}")
    return text


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise click.UsageError(f"{text!r} is not a valid name: use small letters, digits, - and _")
    return text


def run_setup(options: SetupOptions, password_of_stdin: bool = False) -> int:
    """Set up an installation. Returns the exit code."""
    if password_of_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            click.echo("--password-stdin: stdin holds no password.", err=True)
            return 2
        options = replace(options, password=password, asks=False)
    return Setup(options).run()
