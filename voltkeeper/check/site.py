"""The site: whether it runs or can, and who may read and write there."""

from ingest.config.model import Access, Config
from plugins.web.app.address_file import running_address
from voltkeeper.check.check_report import CheckReport
from voltkeeper.check.http import PULSE, fetch
from voltkeeper.up import SitePortError, claim, site_url

LOCAL = ("127.0.0.1", "::1", "localhost")


def check_site_port(report: CheckReport, config: Config) -> None:
    """Report whether the site answers at its port, or finds it free."""
    host, port = config.web.host, config.web.port
    if not report.port_named:
        host, port = running_address(config.database) or (host, port)
    what, url = f"site {host}:{port}", site_url(host, port)
    try:
        claim(host, port).close()
    except SitePortError as error:
        answer = fetch(url.rstrip("/") + PULSE)
        if b'"changes"' in answer.body or "signing in" in answer.fault:
            report.ok(what, f"answers at {url}")
        else:
            report.fail(what, " ".join(str(error).split()))
    else:
        report.ok(what, "the port is free; the site does not run now")


def check_access(report: CheckReport, config: Config) -> None:
    """Report who may read and write."""
    access = config.access
    writers = [
        *(person.name for person in access.people if person.may),
        *(token.name for token in access.tokens if token.may),
    ]
    reading = (
        f"reading: {'open to anyone' if access.read == 'anyone' else access.read}; {_describe_sql(access)}"
    )
    if writers:
        report.ok("access", f"{reading}; writing: {', '.join(writers)}")
    else:
        report.note("access", f"{reading}; writing is off: access: in config.yml turns it on")
    if config.web.host not in LOCAL and access.read == "anyone":
        report.note(
            "access",
            f"anyone who reaches port {config.web.port} of this machine can read; "
            "access: {read: signed-in} ends that",
        )


def _describe_sql(access: Access) -> str:
    """Who may write SQL of their own: it never reaches further than reading does."""
    who = {"anyone": "anyone who may read", "signed-in": "signed-in users", "off": "nobody"}[access.sql]
    return f"SQL of one's own (access.sql): {who}"
