"""Programs that are started for a message or a step: their output, their environment, their end."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path
from typing import Self

from outbound.alerts.clean import clean_line

# What a program gets of our environment: the rest holds the secrets of config.yml.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
TAIL = 4096  # bytes of its output that are kept
PIPES_S = 0.5  # its pipes may be held open by programs that it leaves behind
REASON = 200


class OutputTail:
    """A pipe whose last TAIL bytes are kept, while the context is open.

    asyncio's own pipes would hold up `wait()` for as long as any child has them open.
    """

    def __init__(self) -> None:
        self.kept = bytearray()
        self._read_end, self.write_end = os.pipe()
        self._is_writable = True
        os.set_blocking(self._read_end, False)
        self._at_end = asyncio.Event()

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._read_end, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._read_end)
        self.close_write_end()
        os.close(self._read_end)

    def close_write_end(self) -> None:
        """The program has it now."""
        if self._is_writable:
            self._is_writable = False
            os.close(self.write_end)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(self._read_end, 65_536)
            self.kept += chunk
            del self.kept[:-TAIL]
            if not chunk:
                asyncio.get_running_loop().remove_reader(self._read_end)
                self._at_end.set()

    async def wait(self, limit_s: float) -> None:
        """Wait until all is read, at most `limit_s` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._at_end.wait()


async def end_group(process: Process) -> None:
    """End the program and all that it started and left behind in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def last_line(output: bytes | bytearray) -> str:
    """The last line that has something in it."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line for one in reversed(lines) if (line := clean_line(one, REASON))), "")


def program_problem(program: str) -> str:
    """Why a program cannot be run, with the remedy; '' where it can."""
    if found := shutil.which(program):
        return _script_problem(Path(found))
    path = Path(program)
    if path.is_file():
        return f"{program} may not be run by this user: chmod +x it"
    return f"there is no program {program}: write its path, such as /usr/local/bin/{path.name}"


def _script_problem(path: Path) -> str:
    """Why the system cannot run a script; '' for what is none, or cannot be read."""
    try:
        with path.open("rb") as file:
            first = file.readline(256).decode()
    except (OSError, UnicodeDecodeError):
        return ""
    if first.startswith("\x7fELF"):
        return ""
    if not first.startswith("#!"):
        return f"the first line of {path} does not say what runs it: begin it with #!/bin/sh"
    if first.endswith("\r\n"):
        return f"{path} has line ends of Windows: sed -i 's/\\r$//' {path}"
    interpreter = first[2:].split()[:1]
    if not interpreter or not shutil.which(interpreter[0]):
        return (
            f"{path} is run by {' '.join(interpreter) or 'nothing'}, which is not there: mend its first line"
        )
    return ""
