"""What came of a scheduled command, as text, and how it compares with the last time. Pure."""

from typing import NamedTuple

from ingest.ups.self_test import test_verdict

TESTS = ("test.battery.start", "test.system.start")  # prefixes of the commands that start a test
ACCEPTED = "accepted"
NO_RESULT = "no result was reported"


class CommandResult(NamedTuple):
    """`text` is what the UPS or its server said; the event of a failure is a warning."""

    text: str
    is_failure: bool = False

    @property
    def event(self) -> str:
        """The name of its event."""
        return "SCHEDULED_COMMAND_FAILED" if self.is_failure else "SCHEDULED_COMMAND"


def starts_test(command: str) -> bool:
    """Whether the result of a command is that of the self-test that it starts."""
    return command.startswith(TESTS)


def unsent_result(state: str, reason: str) -> CommandResult:
    """Of an order that is failed, expired or unknown."""
    return CommandResult(reason if reason.startswith(state) else f"{state}: {reason}", is_failure=True)


def finished_test(result: str) -> CommandResult:
    """Of a self-test that ended with this text of `ups.test.result`."""
    verdict = test_verdict(result)
    return CommandResult(f"{verdict}: {result}" if verdict else result or NO_RESULT, bool(verdict))


def describe_result(name: str, label: str, result: CommandResult, last: str) -> str:
    """Return the detail of the event, what matters first, since a phone cuts it off.

    `last` is the text of the result before, '' for the first one.
    """
    change = f"; the last time: {last}" if last and last != result.text else ""
    return f"{name}: {result.text}{change} ({label})"
