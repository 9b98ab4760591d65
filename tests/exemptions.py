"""What the code asks ruff and mypy to overlook; `python tests/exemptions.py` prints how often."""

import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("voltkeeper", "plugins", "outbound", "reporting", "ingest", "ota", "deploy", "tests", "benchmarks")
COMMENTS = {
    "noqa": re.compile(r"# noqa(?:: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)*)?"),
    "type: ignore": re.compile(r"# type: ignore(?:\[[\w-]+(?:, ?[\w-]+)*\])?"),
}
WORDS = re.compile(rb"# noqa|# type: ignore|\bAny\b")


class Exemption(NamedTuple):
    """A line with `noqa`, `type: ignore` or `Any`, and whether a comment on the line says why."""

    kind: str
    place: str
    reasoned: bool


def find_exemptions() -> Iterator[Exemption]:
    """Every exemption in the Python files of the repository."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _of_file(path)


def _of_file(path: Path) -> Iterator[Exemption]:
    if not WORDS.search(path.read_bytes()):  # most files, which are not worth their tokens
        return
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    place = str(path.relative_to(ROOT))
    for line, comment in comments.items():
        for kind, pattern in COMMENTS.items():
            if match := pattern.match(comment):
                yield Exemption(kind, f"{place}:{line}", bool(comment[match.end() :].strip()))
    imports = re.compile(r"\s*(from|import) ")
    lines = {
        token.start[0]
        for token in tokens
        if token.type == tokenize.NAME and token.string == "Any" and not imports.match(token.line)
    }
    for line in sorted(lines):
        yield Exemption("Any", f"{place}:{line}", line in comments)


def main() -> None:
    """Print how many there are of each kind."""
    counts = Counter(one.kind for one in find_exemptions())
    print("Exempt from checks:", ", ".join(f"{counts[kind]} x {kind}" for kind in (*COMMENTS, "Any")))


if __name__ == "__main__":
    main()
