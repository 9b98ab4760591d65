"""One metric with its samples, as the code here collects it, and as prometheus_client writes it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from prometheus_client.core import Metric as Family
from prometheus_client.core import Sample

from plugins.web.query import Row

Labels: TypeAlias = dict[str, str]
Samples: TypeAlias = Sequence[tuple[Labels, float]]

PREFIX = "voltkeeper_"
# Suffix of the samples of a family, whose own name is without it.
_SUFFIX = {"counter": "_total", "info": "_info"}
_RESERVED = re.compile(r".*_(total|count|sum|bucket|created|info)")


class Metric(NamedTuple):
    """One metric, its name without PREFIX, and its samples: labels and value of each."""

    name: str
    help: str
    samples: Samples
    kind: str = "gauge"

    def family(self, prefix: str = PREFIX) -> Family:
        """The metric as prometheus_client has it."""
        name = prefix + self.name
        suffix = _SUFFIX.get(self.kind, "")
        family = Family(name.removesuffix(suffix), self.help, self.kind)
        family.samples = [Sample(name, labels, value) for labels, value in self.samples]
        return family


class FamilyList:
    """What prometheus_client writes: families that have samples. A registry of one answer."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterable[Family]:
        """The families."""
        return self._families


def kind_of(name: str) -> str:
    """The type of a figure whose name is given by a device: one that ends as those of counters do is of
    none."""
    return "unknown" if _RESERVED.fullmatch(name) else "gauge"


def metric_name(text: str) -> str:
    """A text as part of a metric's name: everything but letters and digits as underscores."""
    return re.sub(r"[^a-zA-Z0-9]", "_", text)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def labels_of(row: Row, names: Mapping[str, str], **more: str) -> Labels:
    """Labels from columns of a row, label -> column, and others; '' where there is no value."""
    return {label: _text(row[column]) for label, column in names.items()} | more


def column(rows: Iterable[Row], names: Mapping[str, str], of: str, divisor: float = 1) -> Samples:
    """The values of a column, divided, where it has one."""
    return [(labels_of(row, names), row[of] / divisor) for row in rows if row[of] is not None]


def flags(rows: Iterable[Row], names: Mapping[str, str], is_set: Callable[[Row], bool]) -> Samples:
    """1 for the rows of which something is true, 0 for the others."""
    return [(labels_of(row, names), int(is_set(row))) for row in rows]


def own_names(metrics: Iterable[Metric]) -> Collection[str]:
    """Names, without PREFIX, that no figure of a device may have beside these metrics."""
    return {name for metric in metrics for name in (metric.name, metric.name.removesuffix("_total"))}
