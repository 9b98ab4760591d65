"""The text format of Prometheus, version 0.0.4, from families of prometheus_client.

It has the labels in the order in which they were given. prometheus_client sorts them, checks each name again,
and takes three times as long; its parser reads this in a test.
"""

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client.core import Metric as Family

# Type of a family -> suffix of its name, type in this format.
_TYPES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "unknown": ("", "untyped")}


def format_text(families: Iterable[Family]) -> str:
    """All families, one sample a line."""
    lines: list[str] = []
    for family in families:
        suffix, kind = _TYPES.get(family.type, ("", family.type))
        name = family.name + suffix
        documentation = family.documentation.replace("\\", "\\\\").replace("\n", "\\n")
        lines += (f"# HELP {name} {documentation}", f"# TYPE {name} {kind}")
        for sample in family.samples:
            labels = ",".join([f'{key}="{escape(text)}"' for key, text in sample.labels.items()])
            lines.append(f"{sample.name}{f'{{{labels}}}' if labels else ''} {sample.value:.15g}")
    return "\n".join([*lines, ""])


@lru_cache(maxsize=8192)
def escape(text: str) -> str:
    """A label's value: backslash, quote and line feed escaped as the format wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
