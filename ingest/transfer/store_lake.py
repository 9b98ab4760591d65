"""Exported files in an object store, through fsspec (`pip install 'voltkeeper[lake]'`).

Stores have no rename: each file is uploaded under its final name, as a whole, and the tables `files` and
`sites` say which files belong to the last complete set.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ingest.db.locks import lock_file
from ingest.transfer.lake import BUSY
from ingest.transfer.records import TransferError

# An upload to these takes its name when it is complete; elsewhere (SFTP, FTP ...) it is renamed then.
WHOLE_UPLOADS = frozenset("s3 s3a gs gcs az abfs abfss adl oss oci memory".split())
DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "oss": "ossfs",
    "oci": "ocifs",
    "smb": "smbprotocol",
    "webdav": "webdav4",
}
MISSING = (
    "An object store is written through fsspec, and {url} needs a package that is not installed: "
    ".venv/bin/pip install 'voltkeeper[lake]'{more}"
)


class FileSystem(Protocol):
    """What is used of fsspec.AbstractFileSystem."""

    def cat_file(self, path: str) -> bytes:
        """Read a file."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        """Write a file."""

    def put_file(self, lpath: str, rpath: str) -> None:
        """Upload a file."""

    def get_file(self, rpath: str, lpath: str) -> None:
        """Download a file."""

    def find(self, path: str) -> list[str]:
        """All files below a path."""

    def exists(self, path: str) -> bool:
        """True where there is such a file."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder and those above it."""

    def mv(self, path1: str, path2: str) -> None:
        """Rename a file."""

    def invalidate_cache(self) -> None:
        """Forget what was listed."""


class StoreLake:
    """The files of one site below a URL such as s3://bucket/lake."""

    stages = False

    def __init__(self, url: str, house: str) -> None:
        self._url, self._house = url, house
        self._files, root = open_store(url)
        self._root = root.rstrip("/")
        self._whole = urlsplit(url).scheme in WHOLE_UPLOADS
        self._state = f".voltkeeper-{house}.json"
        self.work = Path()
        self._copies: dict[str, Path] = {}  # name -> copy on this machine

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let no other export of this user on this machine write to this place. Raises LockedError."""
        digest = hashlib.sha256(f"{self._url} {self._house}".encode()).hexdigest()[:16]
        lock = Path(tempfile.gettempdir()) / f"voltkeeper-export-{os.getuid()}-{digest}.lock"
        with (
            lock_file(lock, wait=False, message=BUSY),
            tempfile.TemporaryDirectory(prefix="voltkeeper-export-") as work,
        ):
            self.work = Path(work)
            yield

    def read_state(self) -> str | None:
        """The state of the export."""
        with explained(self._url):
            self._files.invalidate_cache()
            try:
                return self._files.cat_file(self._path(self._state)).decode()
            except FileNotFoundError:
                return None

    def create_state(self, text: str) -> bool:
        """Write it where there is none, which stores do in one step."""
        with explained(self._url):
            if not self._whole:
                self._files.makedirs(self._root, exist_ok=True)
            try:
                self._files.pipe_file(self._path(self._state), text.encode(), mode="create")
            except FileExistsError:
                return False
        return self.read_state() == text

    def save_state(self, text: str) -> None:
        """Replace it."""
        path = self.work / "state.json"
        path.write_text(text, encoding="utf-8")
        self.put(self._state, path)

    def add(self, name: str, half: Path) -> int:
        """Upload a complete file, in place of one of that name."""
        return self.put(name, half)

    def put(self, name: str, half: Path) -> int:
        """Upload a complete file. A reader sees all of it or nothing."""
        path, size = self._path(name), half.stat().st_size
        with explained(self._url):
            if self._whole:
                self._files.put_file(str(half), path)
            else:
                folder, _, last = path.rpartition("/")
                self._files.makedirs(folder, exist_ok=True)
                self._files.put_file(str(half), f"{folder}/.{last}.half")
                self._files.mv(f"{folder}/.{last}.half", path)
        half.unlink()
        if copy := self._copies.pop(name, None):
            copy.unlink()
        return size

    def publish(self) -> None:
        """Nothing: readers see files as they are uploaded."""

    def find(self, name: str) -> Path | None:
        """A copy of the file on this machine."""
        if name not in self._copies:
            copy = self.work / f"copy-{len(self._copies)}-{name.rpartition('/')[2]}"
            with explained(self._url):
                try:
                    self._files.get_file(self._path(name), str(copy))
                except FileNotFoundError:
                    copy.unlink(missing_ok=True)
                    return None
            self._copies[name] = copy
        return self._copies[name]

    def exists(self, name: str) -> bool:
        """True where there is such a file."""
        with explained(self._url):
            return self._files.exists(self._path(name))

    def list_files(self) -> list[str]:
        """All history and sums of this site; reads the names of all sites."""
        with explained(self._url):
            try:
                found = self._files.find(self._root)
            except FileNotFoundError:
                return []
        names = (path.lstrip("/").removeprefix(self._root.lstrip("/")).lstrip("/") for path in found)
        part = f"/part-{self._house}."
        return sorted(name for name in names if "/day=" in name and part in name)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def open_store(url: str) -> tuple[FileSystem, str]:
    """The file system of a URL, and the path in it. Raises TransferError.

    Credentials, and the address of a store of one's own, come from the environment.
    """
    parts = urlsplit(url)
    if parts.password is not None or parts.query:
        raise TransferError(
            "The address of an object store must hold no password and no option: every user of the machine "
            "can read the command line. Credentials come from the environment, such as AWS_ACCESS_KEY_ID"
        )
    with explained(url):
        store: tuple[FileSystem, str] = import_module("fsspec.core").url_to_fs(url)  # optional, slow to load
    return store


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn errors of the store into a TransferError with cause and remedy."""
    try:
        yield
    except TransferError:
        raise
    except Exception as error:  # each driver has its own
        raise TransferError(explain(error, url)) from error


def explain(error: Exception, url: str) -> str:
    """Cause and remedy of what went wrong with a store."""
    scheme = urlsplit(url).scheme
    kinds = " ".join(kind.__name__ for kind in type(error).__mro__)
    if isinstance(error, ImportError):
        driver = DRIVERS.get(scheme, "")
        return MISSING.format(url=url, more=f" {driver}" if driver not in ("", "s3fs") else "")
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return f"{url}: {error}. Use a folder, s3://, gs://, az:// or another address that fsspec knows"
    cause = str(error).strip() or type(error).__name__
    for words, remedy in REMEDIES.items():
        if any(word in kinds or word in cause for word in words.split()):
            return f"{url}: {cause}. {remedy}"
    return f"{url}: {cause} ({type(error).__name__}). {AGAIN}"


AGAIN = "Run it again to resume"
REMEDIES = {  # words of the class of an error or of its text -> what to do; the first that fits
    "ENOSPC Errno_28 space": "Free disk space, here (TMPDIR) or in the store, and run it again to resume",
    "Credential Token Unauthorized 401": "Set the credentials in the environment: AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY or AWS_PROFILE for S3, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_...",
    "PermissionError AccessDenied Forbidden 403 SignatureDoesNotMatch InvalidAccessKeyId": "Give the user of "
    "the credentials in the environment the right to list the bucket, and to read and write objects below "
    "this address",
    "FileNotFoundError NoSuchBucket": "Create the bucket, or correct its name",
    "Connect ConnectionError Timeout TimeoutError gaierror Endpoint SSLError": "The store cannot be reached: "
    "check the network and its address (AWS_ENDPOINT_URL for S3 outside AWS), and run it again to resume",
}
