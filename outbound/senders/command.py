"""Sending to a program: no shell, the message as JSON on its standard input and in its environment."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ingest.config.alerts import COMMAND_S
from outbound.alerts.messages import mark_uncertain
from outbound.alerts.model import AlertMessage
from outbound.senders import SendError
from outbound.senders.programs import PASSED_ON, PIPES_S, OutputTail, end_group, last_line

LONGEST = 100_000  # bytes of a variable; Linux allows 128 KiB


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
        with OutputTail() as said, OutputTail() as complained:
            process = await self._start(sent, said.write_end, complained.write_end)
            said.close_write_end()
            complained.close_write_end()
            try:
                async with asyncio.timeout(self._limit_s):
                    await _write(process, _as_json(sent))
                    code = await process.wait()
            except BaseException as error:
                await end_group(process)
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


def listed_reason(*parts: str) -> str:
    """The parts that are there, with colons."""
    return ": ".join(part for part in parts if part)
