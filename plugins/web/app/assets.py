"""Static files: their addresses with a mark of their content, and how long browsers keep what they got.

Style sheets and scripts are sent without comments, and some together, from memory.
"""

import functools
import gzip
import hashlib
import mimetypes
import re
from pathlib import Path
from typing import NamedTuple

from datasette.app import app_root
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.responses import NO_DOCUMENT
from plugins.web.site import Site

OWN, DATASETTE = "/static/", "/-/static/"
FOLDERS = {
    OWN: Path(__file__).resolve().parents[3] / "static",
    DATASETTE: Path(app_root) / "datasette" / "static",
}
TOGETHER = {  # what every page loads
    "base.css": ("tokens.css", "voltkeeper.css", "charts.css"),
    "base.js": ("voltkeeper.js", "live.js", "forms.js"),
}
MARKED_NAME = re.compile(r"/-/static-plugins/[^%]*\.[0-9a-f]{8}\.(js|css)(\.map)?")  # those of datasette-vega
KEPT = b"public, max-age=31536000, immutable"
CHECKED = b"no-cache"  # asked for again each time
TEXTS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
COMMENTS = {".css": re.compile(r"/\*.*?\*/", re.S), ".js": re.compile(r"^\s*//.*$", re.M)}


class Asset(NamedTuple):
    """A file as it is sent. `packed` is empty where gzip makes nothing of it."""

    mark: str
    kind: str
    content: bytes
    packed: bytes


@functools.cache
def _load(folder: str, name: str) -> Asset | None:
    """The file of a name, or those that go together under it; None where there is none."""
    paths = [FOLDERS[folder] / part for part in TOGETHER.get(name, (name,))]
    if "/" in name or not all(path.is_file() for path in paths):
        return None
    content = b"\n".join(path.read_bytes() for path in paths)
    ending = Path(name).suffix
    kind = TEXTS.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if folder == OWN and ending in COMMENTS:
        lines = COMMENTS[ending].sub("", content.decode()).splitlines()
        content = "\n".join(line for line in lines if line.strip()).encode()
    packed = gzip.compress(content, mtime=0) if ending in TEXTS else b""
    return Asset(hashlib.sha256(content).hexdigest()[:8], kind, content, packed)


def asset(name: str, folder: str = OWN) -> str:
    """`/static/NAME?MARK`. Raises FileNotFoundError."""
    found = _load(folder, name)
    if found is None:
        raise FileNotFoundError(name)
    return f"{folder}{name}?{found.mark}"


def datasette_asset(name: str) -> str:
    """The same of a file of Datasette's own: `/-/static/NAME?MARK`."""
    return asset(name, DATASETTE)


def find_asset(scope: Scope) -> Asset | None:
    """The file that is asked for by an address with its mark."""
    folder, _, name = scope["path"].rpartition("/")
    if f"{folder}/" not in FOLDERS or scope["method"] not in ("GET", "HEAD"):
        return None
    found = _load(f"{folder}/", name) if scope["query_string"] else None
    return found if found and found.mark.encode() == scope["query_string"] else None


def static_files(app: ASGIApp, site: Site) -> ASGIApp:
    """Answer for files with a mark, and say of all else how long it may be kept."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if (found := find_asset(scope)) is not None:
            await _send(found, scope, send)
            return
        is_kept = MARKED_NAME.fullmatch(scope["path"]) is not None

        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                kept = is_kept and message["status"] == 200
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", KEPT if kept else CHECKED))
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, send_with_time)

    return inner


async def _send(found: Asset, scope: Scope, send: Send) -> None:
    takes_gzip = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
    body = found.packed if takes_gzip and found.packed else found.content
    headers = [
        (b"content-type", found.kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", KEPT),
        (b"x-content-type-options", b"nosniff"),
    ]
    if found.packed:
        headers.append((b"vary", b"Accept-Encoding"))
    if body is found.packed:
        headers.append((b"content-encoding", b"gzip"))
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    if "svg" not in found.kind:  # which a browser shows as a document
        start[NO_DOCUMENT] = True
    await send(start)
    await send({"type": "http.response.body", "body": body})
