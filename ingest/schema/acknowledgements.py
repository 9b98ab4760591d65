"""What stands with a UPS now and needs attention, and what users acknowledged of it.

A condition is an open event, a word of the status, a status that contradicts itself, or the result of the
last self-test. Its text has no figure that changes from poll to poll, so that an acknowledgement, which holds
for one text, outlives them.
"""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script
from ingest.schema.ups import event_words, has_any_status, has_status
from ingest.severity import EVENT_SEVERITY, FINDING, RANK, Severity, event_severity
from ingest.ups.event_text import EVENT_WORDS
from ingest.ups.status import CONTRADICTION, NO_MAINS, STATUS

ACKNOWLEDGEMENTS = f"""
create table acknowledgements (
  id integer primary key,
  subject text not null,
  event text not null,
  text text not null,
  until text,
  acknowledged_at text not null default ({NOW}),
  acknowledged_by text,
  unique (subject, event)
);
"""


def acknowledgements(db: Database) -> None:
    """Create the table of what users acknowledged."""
    run_script(db, ACKNOWLEDGEMENTS)


# A table cannot lose a constraint, and to rename one that views read fails.
SEVERAL = f"""
create table acknowledgements_kept as select * from acknowledgements;
drop table acknowledgements;
create table acknowledgements (
  id integer primary key,
  subject text not null,
  event text not null,
  text text not null,
  until text,
  acknowledged_at text not null default ({NOW}),
  acknowledged_by text,
  unique (subject, event, text)
);
insert into acknowledgements (id, subject, event, text, until, acknowledged_at, acknowledged_by)
select id, subject, event, text, until, acknowledged_at, acknowledged_by from acknowledgements_kept;
drop table acknowledgements_kept;
"""


def several_acknowledgements(db: Database) -> None:
    """Let users acknowledge several thresholds of one UPS: their events have one name and texts apart."""
    run_script(db, SEVERAL)


# The state of a UPS has these besides, and nobody can acknowledge them; a failed test is one by its result.
COVERED = ("ONBATT", "LOWBATT", "FSD", "COMMBAD", "TEST_FAILED")
STANDING = [
    event for event in EVENT_WORDS if event not in COVERED and event_severity(event) is not Severity.OK
]
INPUT_EVENTS = ("VOLTAGE", "INPUT_LOW")  # they are not counted on battery
EVENT_OF = {"RB": "REPLBATT"}  # of the words whose event has another name
_WORDS = ", ".join(
    f"('{word}', '{EVENT_OF.get(word, word)}', '{status.text}', '{status.severity}')"
    for word, status in STATUS.items()
    if status.severity is not Severity.OK and word != "OB"
)


def event_severity_sql(column: str) -> str:
    """SQL: the severity of an event by its name."""
    found: dict[Severity, list[str]] = {}
    for event, severity in EVENT_SEVERITY.items():
        found.setdefault(severity, []).append(event)
    cases = " ".join(
        f"when {column} in ({', '.join(map(repr, events))}) then '{severity}'"
        for severity, events in found.items()
    )
    return f"case {cases} else '{Severity.OK}' end"


def is_measured(event: str) -> str:
    """SQL: an event that a figure opened, which then stands in its detail."""
    return f"json_extract({event}.figures, '$.value') is not null"


def standing_text(event: str) -> str:
    """SQL: the text of an event without the figure that changes."""
    return f"""coalesce(nullif(case when not {is_measured(event)} then {event}.detail
      when instr({event}.detail, ': ') then substr({event}.detail, 1, instr({event}.detail, ': ') - 1)
      else '' end, ''), {event_words(f"{event}.event")})"""


def holds(acknowledgement: str, condition: str) -> str:
    """SQL: the acknowledgement is of this condition and has not expired.

    That of a figure beyond its limit is of one event: the next one needs another.
    """
    a, c = acknowledgement, condition
    return f"""{a}.subject = {c}.name and {a}.event = {c}.event and {a}.text = {c}.text
      and ({a}.until is null or {a}.until > {NOW})
      and (not {c}.measured or {a}.acknowledged_at >= {c}.since_at)"""


def acknowledged_text(acknowledgement: str) -> str:
    """SQL: 'acknowledged by NAME until DATE'."""
    a = acknowledgement
    return f"""'acknowledged' || coalesce(' by ' || {a}.acknowledged_by, '')
      || coalesce(' until ' || date({a}.until, 'localtime'), '')"""


# `shown`: what the status does not say by itself.
UPS_CONDITIONS = f"""
select c.ups, c.name, c.event, c.words, c.text, c.shown, c.severity,
  cast(case c.severity when '{Severity.CRITICAL}' then {RANK[Severity.CRITICAL]}
    else {RANK[Severity.WARNING]} end as integer) as rank,
  c.since_at, a.id as acknowledgement, a.acknowledged_at, a.acknowledged_by, a.until,
  case when a.id is not null then {acknowledged_text("a")} end as acknowledged
from (
  select e.ups, u.name, e.event, {event_words("e.event")} as words, {standing_text("e")} as text,
    case when e.event in ('OFF', 'BYPASS') then null
      when e.event = 'REPLBATT' and {has_status("RB", "coalesce(u.status, '')")} then null
      when e.event in ('ALARM', 'OVER') and e.detail = '' then null
      else coalesce(nullif(e.detail, ''), {event_words("e.event")}) end as shown,
    {event_severity_sql("e.event")} as severity, e.started_at as since_at, {is_measured("e")} as measured
  from events e indexed by events_open join ups u on u.id = e.ups
  where e.ended_at is null and e.event in ({", ".join(map(repr, STANDING))})
    and not (e.event in ({", ".join(map(repr, INPUT_EVENTS))})
      and {has_status("OB", "coalesce(u.status, '')")})
union all
  select u.id, u.name, w.column2, w.column3,
    coalesce((select nullif(v.value, '') from ups_variables v
      where v.ups = u.id and v.variable = 'ups.alarm' and w.column1 = 'ALARM'), w.column3),
    null, w.column4, null, 0
  from ups u join (values {_WORDS}) w on ' ' || u.status || ' ' like '% ' || w.column1 || ' %'
  where not exists (select 1 from events e indexed by events_open
    where e.ended_at is null and e.event = w.column2 and e.ups = u.id)
union all
  select u.id, u.name, 'STATUS', case when {has_status("OL", "u.status")} then '{CONTRADICTION}'
    else '{NO_MAINS}' end, u.status, null, '{FINDING}', null, 0
  from ups u where u.status <> '' and {has_status("OL", "u.status")} = {has_status("OB", "u.status")}
    and not (not {has_status("OL", "u.status")} and {has_any_status(("OFF", "BYPASS"), "u.status")})
union all
  select u.id, u.name, 'TEST', '{EVENT_WORDS["TEST"]}', t.result, 'self-test: ' || t.result, '{FINDING}',
    null, 0
  from (select u.id, coalesce((select v.value from ups_variables v
      where v.ups = u.id and v.variable = 'ups.test.result'), u.test_verdict) as result
    from ups u where u.test_verdict <> '') t join ups u on u.id = t.id
) c left join acknowledgements a on {holds("a", "c")}
"""

VIEWS = {"ups_conditions": UPS_CONDITIONS}
