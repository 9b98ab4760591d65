"""Events for tests of alerts, with the figures that ingest stores of them."""

from ingest.severity import Severity, event_severity
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent

SITE = AlertSite("https://volt.example.org", "Europe/Berlin", "Home")
NOON = 1_796_036_400.0  # 30 Nov 2026 12:00:00 in Berlin
SUBJECTS = {
    "ups": ("UPS", "rack@closet", "Rack", "/ups/rack@closet", {"ups": 1}),
    "node": ("node", "main/4", "Greenhouse", "/nodes/main/4", {"node": 260}),
    "gateway": ("gateway", "main", "main", "/nodes?gateway=main", {"gateway": 1}),
    "site": ("machine", "site", "site", "/telemetry/events/9", {}),
    "target": ("machine", "phone", "phone", "/-/alerts", {}),
    "plan": ("machine", "Plan rack", "Plan rack", "/-/plan", {}),
    "disk": ("disk", "disk", "disk", "/telemetry/events/9", {}),
}


def make_event(event, subject="ups", *, began=NOON, lasted=None, detail="", figures=None, label=None):
    """An event of a subject; `lasted` in seconds where it has ended."""
    kind, name, own, href, ids = SUBJECTS[subject]
    severity = Severity.CRITICAL if event == "VALUE" else event_severity(event)
    ended = None if lasted is None else began + lasted
    return AlertEvent(
        7,
        event,
        severity,
        kind,
        name,
        own if label is None else label,
        began,
        ended,
        detail,
        figures or {},
        href,
        **ids,
    )
