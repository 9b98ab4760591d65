"""A step that runs a program: its arguments as they are, no shell, ended with all that it started."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from outbound.plan.model import PlanMoment, StepOutcome, StepState
from outbound.senders.programs import (
    PASSED_ON,
    PIPES_S,
    OutputTail,
    end_group,
    last_line,
    program_problem,
)

GRACE_S = 2.0  # between SIGTERM and SIGKILL


async def run_program(command: Sequence[str], timeout_s: float, moment: PlanMoment) -> StepOutcome:
    """Run it to its end, or end it after `timeout_s`; when cancelled it is ended, too."""
    with OutputTail() as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=output.write_end,
                stderr=output.write_end,
                env=_environment(moment, os.environ),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            remedy = program_problem(command[0]) or "is it there, and may this user run it?"
            text = f"{command[0]} cannot be started: {why}: {remedy}"
            return StepOutcome(StepState.FAILED, text, f"its program cannot be started: {why}")
        output.close_write_end()
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            await _end(process)
            return StepOutcome(StepState.TIMED_OUT, f"ended: it ran for more than {timeout_s:g} s")
        except asyncio.CancelledError:
            await asyncio.shield(_end(process))
            raise
        await output.wait(PIPES_S)
        how = f"exit code {code}" if code >= 0 else f"ended by signal {-code}"
        text = ": ".join(filter(None, (how, last_line(output.kept))))
        return StepOutcome(StepState.FAILED if code else StepState.DONE, text, how)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    await end_group(process)


def _environment(moment: PlanMoment, own: Mapping[str, str]) -> dict[str, str]:
    """What the program gets: the step as `VOLTKEEPER_STEP` and so on, and PASSED_ON; unknown figures lack."""
    fields = {
        f"VOLTKEEPER_{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
        for name, value in moment.fields().items()
        if value is not None
    }
    return {name: own[name] for name in PASSED_ON if name in own} | fields
