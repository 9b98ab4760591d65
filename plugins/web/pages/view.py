"""What the address of the page of a channel or of a figure of a UPS asks for."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from datasette import Request

from plugins.web.render.address import address_of
from plugins.web.responses import PageError
from plugins.web.site import Site
from reporting.measured import period_words
from reporting.time_range import TimeRange, parse_time_range

RANGES = ("1 h", "24 h", "7 d", "30 d", "1 y", "5 y")
DAY_S = 86_400
STEPS = (
    2,
    5,
    10,
    30,
    60,
    300,
    900,
    1800,
    3600,
)  # seconds in which the end of a range moves: parts of an hour
MOST_STEPS = 1440  # of a range
PAGE = 100  # rows of the table of values
MOST_OVERLAYS = 6


@dataclass(frozen=True)
class View:
    """What the address of such a page asks for."""

    path: str
    span: TimeRange
    compare: bool
    refs: tuple[str, ...]
    page: int
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def before(self) -> TimeRange:
        """The period before, as long."""
        length = self.span.until - self.span.since
        return self.span._replace(since=max(0.0, self.span.since - length), until=self.span.since, params={})

    @property
    def days(self) -> float:
        """The length of the range."""
        return (self.span.until - self.span.since) / DAY_S

    @property
    def words(self) -> tuple[str, str, str]:
        """The period, its verb, and the period before."""
        return period_words(self.span.params)

    @property
    def strip(self) -> str:
        """The range as parameters of canned queries."""
        return urlencode(self.span.utc_params)

    def address(self, **changes: str | None) -> str:
        """The address with some choices made otherwise."""
        return address_of(self.path, {**self.kept, **self.span.params})(**changes)

    def without(self, ref: str) -> str:
        """The address without an overlay."""
        return self.address(**{"with": ",".join(one for one in self.refs if one != ref)})


def read_view(site: Site, request: Request, path: str, default: str) -> View:
    """The range, overlays and page that a request asks for. Raises PageError."""
    try:
        span = parse_time_range(request.args, site.timezone, default)
    except ValueError as error:
        raise PageError(400, str(error), "Invalid range") from None
    span = _steady(span)
    given = [ref.strip() for text in request.args.getlist("with") for ref in text.split(",")]
    refs = tuple(dict.fromkeys(ref for ref in given if ref))[:MOST_OVERLAYS]
    number = request.args.get("page") or "1"
    compare = request.args.get("compare") != "0"
    kept = {"with": ",".join(refs), "compare": "" if compare else "0"}
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 1
    return View(path, span, compare, refs, max(1, page), {name: text for name, text in kept.items() if text})


def _steady(span: TimeRange) -> TimeRange:
    """A range up to now that ends at a round time: a chart that is drawn again soon is the same one."""
    length = round(span.until - span.since, 3)
    if "since" in span.params or "until" in span.params:
        return span
    step = max((one for one in STEPS if one <= length / MOST_STEPS), default=1)
    until = -(-span.until // step) * step
    return span._replace(since=until - length, until=until)
