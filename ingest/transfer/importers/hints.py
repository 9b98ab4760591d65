"""Files that people try to import and that are not read: what to import instead.

A pickle is never loaded: loading one runs what its author put into it.
"""

from pathlib import Path

from ingest.transfer.foreign_values import parse_json
from ingest.transfer.importers.pymysensors import MAX_JSON

PICKLE_MARKS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
TO_JSON = (
    "from mysensors.persistence import Persistence as P; nodes = {}; "
    "P(nodes, id, 'mysensors.pickle').safe_load_sensors(); P(nodes, id, 'mysensors.json').save_sensors()"
)
HEAD = 1 << 16  # bytes that are looked at


def hint(path: Path) -> str | None:
    """What to do with a file that no importer reads, or None."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(PICKLE_MARKS):
        return _pickle_hint(head)
    return _json_hint(path, head) if head.lstrip()[:1] == b"{" else None


def _pickle_hint(head: bytes) -> str:
    if b"mysensors" not in head:
        return "a Python pickle: Voltkeeper loads none, since loading one runs code that the file holds"
    return (
        "the persistence file of pymysensors or Home Assistant as a Python pickle. Voltkeeper loads none, "
        "since loading one runs code that the file holds. Make JSON of your own file where pymysensors is "
        f'installed (pip install pymysensors), in its folder:\n  python3 -c "{TO_JSON}"\n'
        "or set `persistence_file` of the gateway to a name that ends in .json and restart, so that nodes "
        "are written there as they present themselves. Then import mysensors.json."
    )


def _json_hint(path: Path, head: bytes) -> str | None:
    try:
        content = parse_json(path.read_bytes()) if path.stat().st_size <= MAX_JSON else {}
    except ValueError as error:
        if any(name in head for name in (b'"sensor_id"', b'"node_id"')):
            return (
                f"a persistence file of MySensors that is cut off or damaged ({error}): "
                "import the copy that ends in .bak or .tmp, or one from a backup"
            )
        return None
    if isinstance(content, dict) and isinstance(content.get("key"), str) and "data" in content:
        return (
            f"Home Assistant's own storage ({content['key']}). What it knows of the network is in the "
            "gateway's persistence file in its config folder, mysensors*.json: import that"
        )
    return None
