"""The jobs that the config adds to those of the site: reports, and commands of UPSes."""

from ingest.config.model import Config
from ingest.config.periodic import ReportSettings, ScheduledCommand
from ingest.jobs.due import HOUR_S, Job
from ingest.jobs.recurrence import WEEKDAYS, Recurrence
from ingest.ups.commands import command_label

OUTBOUND, INGEST = "outbound", "ingest"


def report_job(report: ReportSettings, timezone: str) -> Job:
    """A report: at its time of the first day after its period. One that could not be made is tried again."""
    recurrence = Recurrence(report.every, report.at, timezone)
    return Job(report.name, f"Report {report.name} of the last {report.every}", OUTBOUND, recurrence, HOUR_S)


def command_job(command: ScheduledCommand, timezone: str) -> Job:
    """A command of a UPS. It is sent once, whatever becomes of it."""
    weekday = WEEKDAYS.index(command.weekday)
    recurrence = Recurrence(
        command.every, command.at, timezone, weekday=weekday, day=command.day, month=command.month
    )
    title = f"{command_label(command.command)}: {command.ups}"
    return Job(command.name, title, INGEST, recurrence, resumes=False)


def configured_jobs(config: Config) -> list[Job]:
    """Return the jobs of `reports:` and of `schedule:`."""
    return [
        *(report_job(report, config.timezone) for report in config.reports),
        *(command_job(command, config.timezone) for command in config.schedule),
    ]
