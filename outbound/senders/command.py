"""Sending to a program: no shell, the message as JSON on its standard input and in its environment."""

import asyncio
import json
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from ingest.config.alerts import COMMAND_S
from outbound.alerts.clean import clean_line
from outbound.alerts.messages import mark_uncertain
from outbound.alerts.model import AlertMessage
from outbound.senders import SendError

# What a program gets of our environment: the rest holds the secrets of config.yml.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
TAIL = 4096  # bytes of its output that are kept
LONGEST = 100_000  # bytes of a variable; Linux allows 128 KiB
PIPES_S = 0.5  # its pipes may be held open by programs that it leaves behind
REASON = 200


class _Tail:
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


class CommandSender:
    """Runs a program with its arguments for each message; after `limit_s` it ends it and its children."""

    def __init__(self, command: Sequence[str], limit_s: float = COMMAND_S) -> None:
        self._command, self._limit_s = tuple(command), limit_s
        self.address = self._command[0]

    async def send(self, message: AlertMessage, number: int | None = None) -> str:
        """Run the program; returns the last line that it wrote. Raises SendError.

        An exit code other than 0 is a failure, whose reason is the last line on standard error.
        """
        sent = message if number is None else mark_uncertain(message, number)
        with _Tail() as said, _Tail() as complained:
            process = await self._start(sent, said.write_end, complained.write_end)
            said.close_write_end()
            complained.close_write_end()
            try:
                async with asyncio.timeout(self._limit_s):
                    await _write(process, _as_json(sent))
                    code = await process.wait()
            except BaseException as error:
                await _end_group(process)
                if isinstance(error, TimeoutError):
                    limit = f"it ran for more than {self._limit_s:g} s"
                    raise SendError(f"{self.address} was ended: {limit}") from None
                raise
            await said.wait(PIPES_S)
            await complained.wait(PIPES_S)
        if code:
            how = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise SendError(listed_reason(self.address, how, last_line(complained.kept)))
        return listed_reason("exit code 0", last_line(said.kept))

    async def _start(self, message: AlertMessage, stdout: int, stderr: int) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=stdout,
                stderr=stderr,
                env=_environment(message, os.environ),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise SendError(
                f"{self.address} cannot be started: {why}: is it there, and may this user run it?"
            ) from error


def _fields(message: AlertMessage) -> dict[str, str]:
    return {
        "event": message.event,
        "kind": str(message.kind),
        "severity": str(message.severity),
        "name": message.name,
        "title": message.title,
        "text": message.text,
    }


def _as_json(message: AlertMessage) -> bytes:
    return json.dumps(_fields(message), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _environment(message: AlertMessage, own: Mapping[str, str]) -> dict[str, str]:
    """What the program gets: the message as `VOLTKEEPER_EVENT` and so on, and PASSED_ON."""
    passed = {name: own[name] for name in PASSED_ON if name in own}
    fields = {f"VOLTKEEPER_{name.upper()}": _fitting(value) for name, value in _fields(message).items()}
    return passed | fields


def _fitting(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")


async def _write(process: Process, data: bytes) -> None:
    assert process.stdin is not None  # it is a PIPE
    with suppress(ConnectionError):  # it does not read what it is given: the variables have it, too
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _end_group(process: Process) -> None:
    """End the program and all that it started and left behind in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def program_problem(program: str) -> str:
    """Why a program cannot be run, with the remedy; '' where it can."""
    if shutil.which(program):
        return ""
    path = Path(program)
    if path.is_file():
        return f"{program} may not be run by this user: chmod +x it"
    return f"there is no program {program}: write its path, such as /usr/local/bin/{path.name}"


def last_line(output: bytes | bytearray) -> str:
    """The last line that has something in it."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line for one in reversed(lines) if (line := clean_line(one, REASON))), "")


def listed_reason(*parts: str) -> str:
    """The parts that are there, with colons."""
    return ": ".join(part for part in parts if part)
