"""What the code asks ruff and mypy to overlook; `python tests/exemptions.py` prints how often."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("voltkeeper", "plugins", "reporting", "ingest", "ota", "deploy", "tests", "benchmarks")
KINDS = {"noqa": r"# noqa\b", "type: ignore": r"# type: ignore\b", "Any": r"^(?!\s*from |\s*#).*\bAny\b"}
BARE = {
    "noqa": r"# noqa(: ?[A-Z0-9, ]+)?\s*$",
    "type: ignore": r"# type: ignore(\[[\w-]+(, ?[\w-]+)*\])?\s*$",
    "Any": r"^[^#]*$",
}


class Exemption(NamedTuple):
    """A line with `noqa`, `type: ignore` or `Any`, and whether the line says why."""

    kind: str
    place: str
    reasoned: bool


def find_exemptions() -> Iterator[Exemption]:
    """Every exemption in the Python files of the repository."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path == Path(__file__).resolve():
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                for kind, pattern in KINDS.items():
                    if re.search(pattern, line):
                        place = f"{path.relative_to(ROOT)}:{number}"
                        yield Exemption(kind, place, not re.search(BARE[kind], line))


def main() -> None:
    """Print how many there are of each kind."""
    counts = Counter(one.kind for one in find_exemptions())
    print("Exempt from checks:", ", ".join(f"{counts[kind]} x {kind}" for kind in KINDS))


if __name__ == "__main__":
    main()
