"""The figures of UPSes by the minute, where a UPS is asked so often that charts of a day would read too much.

Triggers keep them, whoever writes samples: the first sample of a minute adds up the minute before it, and a
sample that comes late, changes or goes takes its minute away. The row with the figure '' stands for a minute
that is whole here; what is not here is read from the samples.
"""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script
from ingest.schema.ups import UPS_FIGURES

LEAST = 9  # samples of a minute that is added up: a UPS that is asked every 10 s has 6
DAYS = 3  # of a file of before: no chart that reads samples is longer
FIGURES = (*UPS_FIGURES, "watts")
TABLE = """
create table ups_minutes (
  ups integer not null references ups(id),
  figure text not null,
  minute_at text not null,
  samples integer not null,
  low real not null,
  total real not null,
  high real not null,
  primary key (ups, figure, minute_at)
) without rowid;
"""
_NAMES = ", ".join(f"'{name}'" for name in ("", *FIGURES))
_FIGURES = ", ".join(f"('{name}')" for name in ("", *FIGURES))
_SUMMED = ", ".join(
    f"count({name}) as {name}_count, min({name}) as {name}_low, total({name}) as {name}_total, "
    f"max({name}) as {name}_high"
    for name in FIGURES
)


def _minute(time: str) -> str:
    """SQL: the start of the minute of a time."""
    return f"substr({time}, 1, 17) || '00.000Z'"


def _end(time: str) -> str:
    """SQL: what is greater than every time in its minute, and less than all later ones."""
    return f"substr({time}, 1, 17) || '~'"


def _of_figure(part: str, of_all: str) -> str:
    """SQL: count, low, total or high of the figure of a row of the values f."""
    cases = " ".join(f"when '{name}' then {name}_{part}" for name in FIGURES)
    return f"case f.column1 when '' then {of_all} {cases} end"


def add_up(minutes: str) -> str:
    """SQL: insert the minutes of a query with columns `ups` and `at`, a time in the minute."""
    return f"""insert into ups_minutes (ups, figure, minute_at, samples, low, total, high)
select ups, f.column1, minute_at, {_of_figure("count", "samples")} as found,
  {_of_figure("low", "0")}, {_of_figure("total", "0")}, {_of_figure("high", "0")}
from (select m.ups, {_minute("m.at")} as minute_at, count(*) as samples, {_SUMMED}
  from ({minutes}) m cross join ups_samples s indexed by ups_samples_ups_sampled_at
    on s.ups = m.ups and s.sampled_at >= {_minute("m.at")} and s.sampled_at < {_end("m.at")}
  group by 1, 2 having count(*) >= {LEAST})
  cross join (values {_FIGURES}) f
where found > 0
on conflict do nothing"""


def _is_whole(row: str) -> str:
    return f"""exists (select 1 from ups_minutes
  where ups = {row}.ups and figure = '' and minute_at = {_minute(f"{row}.sampled_at")})"""


def _take(row: str) -> str:
    return f"""delete from ups_minutes
  where ups = {row}.ups and figure in ({_NAMES}) and minute_at = {_minute(f"{row}.sampled_at")};"""


BEFORE = f"""select ups, sampled_at as at from ups_samples
  where ups = new.ups and sampled_at < {_minute("new.sampled_at")} order by sampled_at desc limit 1"""
TRIGGERS = (
    f"""create trigger ups_samples_minute_begun after insert on ups_samples
when (select count(*) from (select 1 from ups_samples where ups = new.ups
  and sampled_at >= {_minute("new.sampled_at")} and sampled_at < {_end("new.sampled_at")} limit 2)) = 1
begin {add_up(BEFORE)}; end""",
    f"""create trigger ups_samples_late after insert on ups_samples when {_is_whole("new")}
begin {_take("new")} end""",
    f"""create trigger ups_samples_deleted after delete on ups_samples when {_is_whole("old")}
begin {_take("old")} end""",
    f"""create trigger ups_samples_changed after update on ups_samples
when {_is_whole("old")} or {_is_whole("new")} begin {_take("old")} {_take("new")} end""",
)
RECENT = f"""select distinct s.ups, {_minute("s.sampled_at")} as at
from ups u cross join ups_samples s on s.ups = u.id
  and s.sampled_at >= strftime('%Y-%m-%dT%H:%M:%fZ', u.last_sample_at, '-{DAYS} days')
  and s.sampled_at < {_minute("u.last_sample_at")}"""


def ups_minutes(db: Database) -> None:
    """Add up the minutes of the last days, and each minute from now on."""
    run_script(db, TABLE)
    db.execute(add_up(RECENT))
    for trigger in TRIGGERS:
        db.execute(trigger)
