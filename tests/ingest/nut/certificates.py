"""Certificates for tests, made by openssl, and databases of NSS with them, as Debian's upsd reads them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PASSWORD = "nss pass"


def need(program: str, package: str) -> None:
    """Skip without a program; fail where it has to be."""
    if shutil.which(program):
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is not installed: apt-get install {package}")
    pytest.skip(f"{program} is not installed: apt-get install {package}")


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"


class Authority:
    """A private certificate authority in a folder; `ca` is its certificate."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        need("openssl", "openssl")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ca, self._key = folder, folder / "ca.pem", folder / "ca.key"
        run(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                30,
                "-subj",
                f"/CN={name}",
            ),
            *("-keyout", self._key, "-out", self.ca),
        )

    def issue(self, name: str, names: str = "DNS:localhost,IP:127.0.0.1", expired: bool = False) -> Path:
        """Make a certificate for these names; the path of it with its key, in PEM."""
        request, key, pem = (self.folder / f"{name}.{end}" for end in ("csr", "key", "pem"))
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[v3]\nsubjectAltName={names}\n" if names else "[v3]\n")
        run(
            *("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", request),
        )
        # openssl x509 of Debian 12 knows no dates but a number of days from now
        days = -1 if expired else 30
        run(
            *("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-days", days),
            *("-CAcreateserial", "-extfile", config, "-extensions", "v3", "-out", pem),
        )
        pem.write_text(pem.read_text() + key.read_text())
        return pem


def nss_database(folder: Path, pem: Path, ca: Path | None = None) -> str:
    """Make a database of NSS with a certificate named `server`; the lines of upsd.conf for it."""
    need("certutil", "libnss3-tools")
    folder.mkdir()
    word, packed = folder / "word", folder / "server.p12"
    word.write_text(PASSWORD + "\n")
    run("certutil", "-N", "-d", folder, "-f", word)
    if ca is not None:
        run("certutil", "-A", "-d", folder, "-f", word, "-n", "authority", "-t", "CT,C,", "-a", "-i", ca)
    run(
        *("openssl", "pkcs12", "-export", "-in", pem, "-name", "server", "-passout", f"pass:{PASSWORD}"),
        *("-out", packed),
    )
    run("pk12util", "-i", packed, "-d", folder, "-k", word, "-w", word)
    return f'CERTPATH {folder}\nCERTIDENT "server" "{PASSWORD}"\n'
