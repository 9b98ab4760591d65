"""`voltkeeper check`: every setting and source as one line, each failure with its remedy."""

import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.config.model import (
    Config,
    ConfigError,
    GatewaySettings,
    MustSettings,
    NutServerSettings,
)
from ingest.severity import Severity
from voltkeeper.alert_state import alert_failures, alert_notes
from voltkeeper.check.alerts import alert_findings
from voltkeeper.check.brokers import probe_broker, probe_mqtt_gateway
from voltkeeper.check.cards import card_finding
from voltkeeper.check.check_report import CheckReport
from voltkeeper.check.files import check_database, check_log, check_retention, check_secrets
from voltkeeper.check.plan import plan_findings
from voltkeeper.check.publish import publish_findings
from voltkeeper.check.reports import picture_note, report_findings
from voltkeeper.check.settings import setting_findings
from voltkeeper.check.site import check_access, check_site_port
from voltkeeper.check.sources import (
    Finding,
    orders_of,
    probe_gateway,
    probe_must,
    probe_nut,
    probe_orders,
)
from voltkeeper.check.thresholds import threshold_findings
from voltkeeper.check.variables import variable_findings
from voltkeeper.config_source import Sources, choose_config, named_file, without_file
from voltkeeper.paint import Paint
from voltkeeper.status import describe_source, read_dropped, read_ids, read_sources


class Probe(NamedTuple):
    """A source of the config, and how it is asked."""

    what: str
    source: GatewaySettings | NutServerSettings | MustSettings
    ask: Callable[[], Finding]


def run_check(
    path: str | None,
    sources: Sources,
    port: int | None,
    write: Callable[[str], object] = print,
    send: bool = False,
) -> int:
    """Check everything that the options of the command line mean. Return 0 when all is right, else 1.

    `send`: each target of alerts gets a test.
    """
    paint = Paint(sys.stdout)
    report = CheckReport(lambda line: write(paint.line(line)), port is not None)
    config = _check_config(report, path, sources, port)
    if config is None:
        return 1
    for check in (
        (_check_sources,)
        if sources
        else (
            _check_timezone,
            check_database,
            check_retention,
            _check_sources,
            _check_ids,
            _check_dropped,
            _check_orders,
            _check_variables,
            _check_settings,
            _check_cards,
            _check_thresholds,
            _check_reports,
            check_site_port,
            check_access,
            check_secrets,
            check_log,
            partial(_check_alerts, send=send),
            _check_publish,
            _check_plans,
        )
    ):
        check(report, config)
    return 1 if report.failed else 0


def _check_config(report: CheckReport, path: str | None, sources: Sources, port: int | None) -> Config | None:
    file = named_file(path)
    try:
        config = without_file(sources) if sources else choose_config(path, port=port, looking=True)
    except ConfigError as error:
        for line in str(error).splitlines():
            report.fail("config", line)
        return None
    if sources:
        beside = f"{file} is left aside" if file else "no file"
        report.ok("config", f"{beside}: the options of the command line")
    elif file:
        report.ok("config", f"{file} is understood; {sources_in(config)}")
    else:
        demo, made = "the demo house, which `voltkeeper up` runs", "what `voltkeeper up --gateway` made"
        report.note(
            "config",
            f"there is no config.yml; this is {demo if config.demo else made}. `voltkeeper setup` makes one",
        )
    return config


def sources_in(config: Config) -> str:
    """Return how many sources a config has: 'gateways: 1, NUT servers: 2'."""
    counted = (
        ("gateways", len(config.gateways)),
        ("NUT servers", len(config.nut)),
        ("EP20s", len(config.must)),
    )
    return ", ".join(f"{what}: {count}" for what, count in counted if count or what == "gateways")


def _check_timezone(report: CheckReport, config: Config) -> None:
    here = datetime.now(ZoneInfo(config.timezone))
    report.ok("timezone", f"{config.timezone}, where it is {here:%Y-%m-%d %H:%M}")


def _check_sources(report: CheckReport, config: Config) -> None:
    """Report on brokers and on what the readers know of their sources; try those that nothing reads now."""
    _check_brokers(report, config)
    probes = (
        *(Probe(f"gateway {one.name}", one, gateway_probe(config, one)) for one in config.gateways),
        *(Probe(f"NUT server {one.name}", one, partial(probe_nut, one)) for one in config.nut),
        *(Probe(f"EP20 {one.name}", one, partial(probe_must, one)) for one in config.must),
    )
    if not probes:
        report.note("sources", "none; name one under gateways:, nut: or must: in config.yml")
    try:
        known = read_sources(config.database)
    except sqlite3.Error:
        known = {}  # the database's own line reports what is wrong with it

    def find(probe: Probe) -> tuple[str, Finding]:
        source = known.get(probe.source.name)
        if source is not None and source.alive and source.address == probe.source.address:
            good = source.state == "connected" and not source.late and not source.faulty
            return source.address, Finding(good, describe_source(source))
        idle = Finding(True, "part of the demo house, which does not run now")
        return probe.source.address, idle if config.demo else probe.ask()

    with ThreadPoolExecutor(max(len(probes), 1)) as pool:
        for probe, (address, finding) in zip(probes, pool.map(find, probes), strict=True):
            report.add(f"{probe.what} ({address})", finding)


def gateway_probe(config: Config, gateway: GatewaySettings) -> Callable[[], Finding]:
    """What tries this gateway."""
    if gateway.mqtt is None:
        return partial(probe_gateway, gateway)
    return partial(probe_mqtt_gateway, gateway, config.broker(gateway.mqtt))


def _check_brokers(report: CheckReport, config: Config) -> None:
    """Report whether each broker takes us, whatever runs: this needs no session of its own."""
    for broker in config.mqtt:
        report.add(f"broker {broker.name} ({broker.address})", probe_broker(broker))


def _check_ids(report: CheckReport, config: Config) -> None:
    """Report for how many new nodes each gateway has ids."""
    try:
        found = read_ids(config.database)
    except sqlite3.Error:
        return  # the database's own line reports what is wrong with it
    names = [gateway.name for gateway in config.gateways]
    for name, severity, text in found:
        if name in names:
            report.add(f"ids of {name}", Finding(severity == Severity.OK, text))


def _check_dropped(report: CheckReport, config: Config) -> None:
    """Report what gateways sent in the last day and was not kept."""
    try:
        found = read_dropped(config.database)
    except sqlite3.Error:
        return  # the database's own line reports what is wrong with it
    for name, text in found:
        report.fail(f"gateway {name}", text)


def _check_orders(report: CheckReport, config: Config) -> None:
    """Ask the servers of UPSes of which something may be ordered, whether they are read or not."""
    for server in () if config.demo else config.nut:
        if server.command_username is not None or orders_of(server, config.ups):
            report.add(f"orders to {server.name}", probe_orders(server, config.ups))


def _check_variables(report: CheckReport, config: Config) -> None:
    for what, finding in variable_findings(config):
        report.add(what, finding)


def _check_cards(report: CheckReport, config: Config) -> None:
    if finding := card_finding(config):
        report.add("home", finding)


def _check_reports(report: CheckReport, config: Config) -> None:
    for what, finding in report_findings(config):
        report.add(what, finding)
    if note := picture_note(config):
        report.note("reports", note)


def _check_thresholds(report: CheckReport, config: Config) -> None:
    for what, (finding, is_note) in threshold_findings(config):
        if is_note:
            report.note(what, finding.message)
        else:
            report.add(what, finding)


def _check_settings(report: CheckReport, config: Config) -> None:
    for what, finding in setting_findings(config.database):
        report.add(what, finding)


def _check_publish(report: CheckReport, config: Config) -> None:
    for what, finding in publish_findings(config):
        report.add(what, finding)


def _check_plans(report: CheckReport, config: Config) -> None:
    for what, finding in plan_findings(config):
        report.add(what, finding)


def _check_alerts(report: CheckReport, config: Config, send: bool) -> None:
    for what, finding in alert_findings(config, send):
        report.add(what, finding)
    with suppress(sqlite3.Error):  # _check_database says why it cannot be read
        for line in alert_notes(config):
            report.note("alerts", line)
        for line in alert_failures(config):
            report.fail("alerts", line)
