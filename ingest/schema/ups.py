"""Tables and views of UPSes: variables, samples, polls, orders; how each is now, what happened, the outages.

What is now comes from `ups`, from one sample found by index and from events that are open: never from
history.
The file is long because the whole shape of the subject stands here, to be read from top to bottom.
"""

from collections.abc import Iterable

from sqlite_utils import Database

from ingest.db.durations import duration_sql
from ingest.schema.sql_fragments import DAY_AGO, NOW, age, months_since, run_script, seconds_between
from ingest.severity import CRITICAL_RUNTIME_S, EVENT_SEVERITY, FINDING, RANK, Severity
from ingest.ups.event_text import EVENT_WORDS
from ingest.ups.status import CONTRADICTION, LOW_WORDS, NO_MAINS, NO_STATUS, STATUS

PATIENCE_S = 90  # failed polls older than this make a UPS stale, whatever its events are
LONGEST_S = 7500  # twice the longest poll_s: no UPS is asked less often
# Outages that begin within this of each other are one of the mains: a reader sees them up to a poll late.
MAINS_OUTAGE_S = 60

UPS_FIGURES = (
    "input_voltage",
    "input_frequency",
    "output_voltage",
    "output_frequency",
    "output_current",
    "battery_charge",
    "battery_voltage",
    "battery_current",
    "battery_runtime",
    "battery_temperature",
    "ups_load",
    "ups_realpower",
    "ups_power",
    "ups_temperature",
    "ups_efficiency",
)
UPS_HOURLY = (
    "input_voltage",
    "input_frequency",
    "output_voltage",
    "battery_charge",
    "battery_voltage",
    "battery_runtime",
    "ups_load",
    "watts",
    "ups_temperature",
)
UPS = f"""
create table ups (
  id integer primary key,
  name text not null unique,
  driver text not null,
  source text not null,
  address text not null default '',
  label text not null,
  location text not null default '',
  configured integer not null default 1,
  mfr text,
  model text,
  serial text,
  firmware text,
  realpower_nominal real,
  power_nominal real,
  power_factor real,
  status text,
  status_at text,
  outcome text,
  outcome_at text,
  battery_changed_at text,
  first_seen_at text,
  last_sample_at text
);

create table ups_variables (
  ups integer not null references ups(id),
  variable text not null,
  value text not null,
  number real,
  writable integer not null default 0,
  changed_at text not null,
  primary key (ups, variable)
) without rowid;

create table ups_variable_changes (
  id integer primary key,
  ups integer not null references ups(id),
  variable text not null,
  old text,
  value text not null,
  changed_at text not null
);
create index ups_variable_changes_ups on ups_variable_changes (ups);

create table ups_samples (
  id integer primary key,
  sampled_at text not null,
  ups integer not null references ups(id),
  ups_status text not null,
  {" real, ".join(UPS_FIGURES)} real,
  watts real,
  watts_rule text
);
create index ups_samples_ups_sampled_at on ups_samples (ups, sampled_at);

create table ups_samples_hourly (
  ups integer not null references ups(id),
  hour_at text not null,
  samples integer not null,
  covered_s real not null,
  on_battery_s real not null,
  trim_s real not null,
  boost_s real not null,
  wh real,
  watts_rule text,
  {", ".join(f"{figure}_{part} real" for figure in UPS_HOURLY for part in ("min", "avg", "max"))},
  primary key (ups, hour_at)
) without rowid;

create table polls (
  id integer primary key,
  ups integer not null references ups(id),
  started_at text not null,
  ended_at text not null,
  count integer not null,
  outcome text not null,
  detail text not null default ''
);
create index polls_ups on polls (ups, started_at);

create table tariffs (
  id integer primary key,
  valid_from text,
  valid_to text,
  hours text not null default '',
  days text not null default '',
  price_per_kwh real not null,
  currency text not null
);

create table ups_battery_changes (
  id integer primary key,
  ups integer not null references ups(id),
  changed_at text not null,
  recorded_at text not null default ({NOW}),
  recorded_by text
);
create index ups_battery_changes_ups on ups_battery_changes (ups, changed_at);

alter table events add column ups integer references ups(id);
create index events_ups on events (ups) where ups is not null;
create index events_event on events (event, started_at);
"""


def ups(db: Database) -> None:
    """Create the tables of UPSes: their variables, samples, hourly figures and polls."""
    run_script(db, UPS)
    db.execute(
        """create trigger ups_battery_changes_recorded after insert on ups_battery_changes begin
        update ups set battery_changed_at =
          (select max(changed_at) from ups_battery_changes where ups = new.ups) where id = new.ups; end"""
    )


UPS_ORDERS = f"""
create table ups_orders (
  id integer primary key,
  ups integer not null references ups(id),
  command text,
  variable text,
  value text,
  old text,
  state text not null default 'queued',
  reason text not null default '',
  created_at text not null default ({NOW}),
  created_by text,
  expires_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 minute')),
  sent_at text,
  done_at text
);
create index ups_orders_ups on ups_orders (ups);
create index ups_orders_waiting on ups_orders (state) where state in ('queued', 'sent');

create table ups_controls (
  ups integer not null references ups(id),
  kind text not null,
  name text not null,
  description text not null default '',
  listed integer not null default 0,
  type text not null default '',
  choices text not null default '[]',
  ranges text not null default '[]',
  checked_at text not null,
  primary key (ups, kind, name)
) without rowid;
"""


def ups_orders(db: Database) -> None:
    """Create the tables of commands and settings ordered of UPSes, and of what each UPS accepts."""
    run_script(db, UPS_ORDERS)


UPS_FIELD = """
alter table ups add column mains text;
alter table ups add column mains_nominal real;
alter table ups add column test_verdict text;
alter table ups add column runtime_basis text;
alter table oddities add column ups integer references ups(id);
alter table oddities add column variable text;
create unique index oddities_ups on oddities (ups, variable) where ups is not null;
"""


def ups_field(db: Database) -> None:
    """Add what is concluded from a UPS's samples, and the figures that cannot be."""
    run_script(db, UPS_FIELD)


UPS_SERIES = """
create table ups_figures (
  id integer primary key,
  ups integer not null references ups(id),
  variable text not null,
  sampled_at text not null,
  value real not null
);
create index ups_figures_ups on ups_figures (ups, variable, sampled_at);

create table ups_figures_hourly (
  ups integer not null references ups(id),
  variable text not null,
  hour_at text not null,
  samples integer not null,
  min real not null,
  avg real not null,
  max real not null,
  primary key (ups, variable, hour_at)
) without rowid;

alter table ups add column battery_reported_at text;
"""


def ups_series(db: Database) -> None:
    """Create the tables of variables that are kept as series, and the battery's date as devices report it."""
    run_script(db, UPS_SERIES)


def ups_charge_basis(db: Database) -> None:
    """Create the column for what an estimated charge rests on; a server's text for no description is no
    label."""
    db.execute("alter table ups add column charge_basis text")
    db.execute("update ups set label = name where label in ('Description unavailable', 'Unavailable')")


def has_status(word: str, column: str = "status") -> str:
    """SQL: the word is among those of an `ups.status`."""
    return f"(' ' || {column} || ' ' like '% {word} %')"


def has_any_status(words: Iterable[str], column: str = "status") -> str:
    """SQL: one of the words is among those of an `ups.status`."""
    return f"({' or '.join(has_status(word, column) for word in words)})"


def status_text(column: str) -> str:
    """SQL: `ups.status` for people, as `ingest.ups.status.describe_status` has it; unknown words stay."""
    known = ", ".join(
        f"('{word}', '{status.text}', {number})" for number, (word, status) in enumerate(STATUS.items())
    )
    contradiction = f"{has_status('OL', column)} and {has_any_status(('OB', '!OL'), column)}"
    mains_words = ("OL", "OB", "OFF", "!OL", "ACFAIL", "WAIT")
    return f"""(with recursive split (word, rest, place) as (
        select '', {column} || ' ', 0
        union all
        select substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1), place + 1
        from split where rest <> ''
      )
      select coalesce(group_concat(text, ', '), '{NO_STATUS}') || case when count(*) = 0 then ''
          when {contradiction} then ', {CONTRADICTION}'
          when not {has_any_status(mains_words, column)} then ', {NO_MAINS}' else '' end from (
        select coalesce(k.column2, s.word) as text
        from split s left join (values {known}) k on k.column1 = s.word
        where s.word <> '' group by s.word order by coalesce(k.column3, {len(STATUS)}), min(s.place)))"""


def event_words(column: str) -> str:
    """SQL: an event's name for people."""
    cases = " ".join(f"when '{name}' then '{text}'" for name, text in EVENT_WORDS.items())
    return f"case {column} {cases} else {column} end"


# On battery by the last poll, or by an outage that is open: a test is not. A UPS that has just been found has
# no conclusion yet.
_ON_BATTERY = f"""(outage_at is not null and outage_ended_at is null
      or ({has_any_status(("OB", "ACFAIL"))} and not {has_status("OL")} and mains is not 'test'
        and not {has_any_status(("CAL", "TEST", "TIP"))}))"""

_CONDITIONS = """select ups, min(case when acknowledgement is null then rank end) as worst,
        min(case when acknowledgement is null then since_at end) as limits_since,
        group_concat(case when acknowledgement is null then shown end, ', ') as limits,
        group_concat(case when acknowledgement is not null
          then coalesce(shown, text) || ' (' || acknowledged || ')' end, ', ') as acknowledged
      from ups_conditions group by ups"""

UPS_OVERVIEW = f"""
select id, name, label,
  case
    when heard_at is null then 'No data'
    when lost then 'Stale'
    when worst = {RANK[Severity.CRITICAL]} or low_battery
      or ({_ON_BATTERY} and ({has_any_status(sorted(LOW_WORDS))} or battery_runtime < {CRITICAL_RUNTIME_S}))
      then '{EVENT_SEVERITY["LOWBATT"]}'
    when worst is not null or {_ON_BATTERY} then '{EVENT_SEVERITY["ONBATT"]}'
    else '{Severity.OK}'
  end as state,
  case
    when heard_at is null then coalesce('never answered: ' || trouble, 'not heard yet')
    when not configured then 'not in the config any more'
    when lost then 'no data for ' || {duration_sql("age_s")} || coalesce(': ' || trouble, '')
    else status_words || coalesce(', ' || limits, '') || coalesce('; ' || acknowledged, '')
  end as reason,
  case state_since when 'lost' then heard_at when 'battery' then outage_at else limits_since end as since_at,
  status, status_words, heard_at as status_at, age_s,
  battery_charge, battery_runtime, battery_voltage, ups_load, watts, watts_rule, ups_power, realpower_nominal,
  input_voltage, output_voltage, input_frequency, output_frequency, ups_temperature, ups_efficiency,
  sampled_at, {age("sampled_at")} as sample_age_s,
  case when outage_ended_at is null then outage_at end as on_battery_since,
  outage as last_outage, outage_at as last_outage_at,
  cast({seconds_between("outage_at", f"coalesce(outage_ended_at, {NOW})")} as integer) as last_outage_s,
  battery_at as battery_changed_at, {months_since("battery_at")} as battery_months, battery_date,
  case when battery_changed_at is not null then 'entered' when battery_at is not null then 'from the device'
    end as battery_changed_from,
  outcome, outcome_at, driver, source, location, configured, mfr, model, serial, firmware, power_nominal,
    power_factor,
  first_seen_at, mains, mains_nominal, test_result, test_verdict, runtime_basis, charge_basis,
    acknowledged,
  '/ups/' || name as href
from (
  select w.*,
    case when lost then 'lost' when outage_at is not null and outage_ended_at is null then 'battery' end
      as state_since
  from (
    select u.*, coalesce(u.battery_changed_at, nullif(u.battery_reported_at, '')) as battery_at,
      {status_text("coalesce(u.status, '')")} as status_words, {age("u.heard_at")} as age_s,
      not u.configured or r.verdict in ('Stale', 'Critical') or {age("u.heard_at")} > {LONGEST_S}
        or (u.outcome <> 'ok' and ({age("u.heard_at")} > {PATIENCE_S} or exists (
          select 1 from events e indexed by events_open
          where e.ups = u.id and e.ended_at is null and e.event = 'COMMBAD'))) as lost,
      exists (select 1 from events e indexed by events_open
        where e.ups = u.id and e.ended_at is null and e.event = 'LOWBATT') as low_battery,
      case when r.verdict in ('Stale', 'Critical') then r.words when u.outcome <> 'ok' then coalesce(
        (select nullif(p.detail, '') from polls p where p.ups = u.id order by p.started_at desc limit 1),
          u.outcome)
      end as trouble,
      c.worst, c.limits, c.limits_since, c.acknowledged,
      (select v.value from ups_variables v where v.ups = u.id and v.variable = 'battery.date')
        as battery_date,
      (select v.value from ups_variables v where v.ups = u.id and v.variable = 'ups.test.result') as
      test_result, o.id as outage, o.started_at as outage_at, o.ended_at as outage_ended_at,
      s.sampled_at, s.battery_charge, s.battery_runtime, s.battery_voltage, s.ups_load, s.watts, s.watts_rule,
        s.ups_power,
      s.input_voltage, s.output_voltage, s.input_frequency, s.output_frequency,
      coalesce(s.ups_temperature, s.battery_temperature) as ups_temperature, s.ups_efficiency
    from (select *, max(coalesce(status_at, last_sample_at), coalesce(last_sample_at, status_at)) as heard_at
      from ups) u left join readers r on r.source = u.source
      left join ({_CONDITIONS}) c on c.ups = u.id
      left join ups_samples s on s.id = (select x.id from ups_samples x
        where x.ups = u.id and x.sampled_at = u.last_sample_at order by x.id desc limit 1)
      left join events o on o.id = (select x.id from events x indexed by events_ups
        where x.ups = u.id and x.event = 'ONBATT' order by x.id desc limit 1)
  ) w
)
"""


def figure(name: str) -> str:
    """SQL: a figure of an event."""
    return f"json_extract(e.figures, '$.{name}')"


def with_origin(detail: str) -> str:
    """SQL: the detail of an event, with notes: figures by the rules of before, a clock that was set."""
    corrected, step = figure("clock_corrected_s"), figure("clock_step_s")
    return f"""ltrim({detail}
    || case when {figure("not_recomputed")} then '; figures not recomputed' else '' end
    || case when {corrected} then '; clock corrected by ' || {duration_sql(f"abs({corrected})")}
      when {step} then '; the clock was set by ' || {duration_sql(f"abs({step})")} || ' at that time'
      else '' end, '; ')"""


_OTHERS = f"""from events o indexed by events_event join ups v on v.id = o.ups
    where o.event = 'ONBATT' and o.ups <> e.ups
      and o.started_at between strftime('%Y-%m-%dT%H:%M:%fZ', e.started_at, '-{MAINS_OUTAGE_S} seconds')
        and strftime('%Y-%m-%dT%H:%M:%fZ', e.started_at, '+{MAINS_OUTAGE_S} seconds')"""

OUTAGES = f"""
select e.id, e.ups, u.name, e.started_at, e.ended_at,
  {seconds_between("e.started_at", f"coalesce(e.ended_at, {NOW})")} as seconds,
  round({figure("wh")}, 3) as wh, {figure("watts_avg")} as watts_avg, {figure("load_avg")} as load_avg,
  {figure("charge_start")} as charge_start, {figure("lowest_charge")} as lowest_charge,
  {figure("lowest_battery_voltage")} as lowest_battery_voltage,
  {figure("lowest_input_voltage")} as lowest_input_voltage,
  {figure("predicted_runtime_s")} as predicted_runtime_s,
  cast({figure("seconds_to_low")} as integer) as seconds_to_low,
  coalesce({figure("low_battery")}, 0) as low_battery,
  {figure("covered_s")} as covered_s, {figure("samples")} as samples,
    {figure("missed_polls")} as missed_polls,
  e.complete,
  cast((select count(distinct o.ups) {_OTHERS}) as integer) as others,
  (select group_concat(distinct v.name) {_OTHERS}) as with_ups,
  case
    when exists (select 1 {_OTHERS}) then 'mains'
    when (select count(*) from ups) > 1 then 'this UPS alone'
    else 'not known: there is no other UPS'
  end as cause,
  {with_origin("e.detail")} as detail, '/ups/' || u.name as href
from events e join ups u on u.id = e.ups
where e.event = 'ONBATT'
"""

# One row a failure of the mains, or of one circuit: outages of several UPSes that began within MAINS_OUTAGE_S
# of the first of them. A walk in order of time, since whether an outage belongs to the group before depends
# on where that began; a UPS that is in the group already begins another.
_SAME_OUTAGE = f"""o.started_at <= strftime('%Y-%m-%dT%H:%M:%fZ', g.group_at, '+{MAINS_OUTAGE_S} seconds')
      and instr(g.members, ',' || o.ups || ',') = 0"""
MAINS_OUTAGES = f"""
with recursive ordered as materialized (
  select id, ups, started_at, row_number() over (order by started_at, ups) as number
  from events where event = 'ONBATT'
), grouped (number, id, group_id, group_at, members) as (
  select number, id, id, started_at, ',' || ups || ',' from ordered where number = 1
union all
  select o.number, o.id,
    case when {_SAME_OUTAGE} then g.group_id else o.id end,
    case when {_SAME_OUTAGE} then g.group_at else o.started_at end,
    case when {_SAME_OUTAGE} then g.members || o.ups || ',' else ',' || o.ups || ',' end
  from grouped g join ordered o on o.number = g.number + 1
)
select id, started_at, case when is_open = 0 then last_end end as ended_at,
  {seconds_between("started_at", "last_end")} as seconds,
  cast(upses as integer) as upses, names, (select cause from outages where outages.id = summed.id) as cause,
  wh, lowest_charge, lowest_battery_voltage, complete, members, '/outages/' || id as href
from (
  select g.group_id as id, g.group_at as started_at, max(coalesce(o.ended_at, {NOW})) as last_end,
    max(o.ended_at is null) as is_open, count(*) as upses,
    group_concat(o.name, ', ') as names, sum(o.wh) as wh, min(o.lowest_charge) as lowest_charge,
    min(o.lowest_battery_voltage) as lowest_battery_voltage, min(o.complete) as complete,
    json_group_array(json_object('id', o.id, 'ups', o.ups, 'name', o.name, 'seconds', o.seconds, 'href',
      o.href)) as members
  from (select * from grouped order by group_id, number) g cross join outages o on o.id = g.id
  group by g.group_id
) summed
"""


def named_ups(ups: str) -> str:
    """SQL: a UPS in a text, as `UPS Rack (rack@closet)`."""
    return f"""'UPS ' || {ups}.label || case when {ups}.label <> {ups}.name
      then ' (' || {ups}.name || ')' else '' end"""


# Branches of the view `attention`: rank, severity, subject, text, since, href.
KINDS = {"nut": "NUT server", "must": "MUST EP20"}
_KIND = " ".join(f"when '{kind}' then '{text}'" for kind, text in KINDS.items())
CONFIGURED = """(source in (select source from ups where configured)
      or source not in (select source from ups))"""
ATTENTION = f"""
  select case verdict when 'Warning' then 4 else 1 end as rank, verdict as severity,
    case kind {_KIND} end || ' ' || source as subject, words || ' · ' || address as text,
    case when verdict = 'Stale' then heartbeat_at else since_at end as since,
    '/telemetry/ingest_status/' || source as href
  from readers where kind in ('nut', 'must') and verdict <> 'OK' and {CONFIGURED}
    and (verdict <> 'Warning' or state <> 'silent' or not exists (
      select 1 from ups_overview o where o.source = readers.source and o.state in ('Stale', 'No data')))
union all
  select case state when 'Critical' then 1 when 'Stale' then 3 when 'Warning' then 2 else 5 end,
    case state when 'No data' then '{FINDING}' else state end, {named_ups("o")},
    reason || case when battery_runtime is not null and on_battery_since is not null
      then ' · ' || {duration_sql("battery_runtime")} || ' left' else '' end,
    since_at, href
  from ups_overview o
  where o.configured and o.state <> 'OK'
    and (o.state not in ('Stale', 'No data') or not exists
      (select 1 from readers r where r.source = o.source and r.verdict in ('Critical', 'Stale')))
union all
  select 8, '{FINDING}', {named_ups("u")},
    'order ' || coalesce(x.command, x.variable || ' = ' || x.value) || ' ' || x.state
      || coalesce(': ' || nullif(x.reason, ''), ''),
    coalesce(x.done_at, x.created_at), '/telemetry/ups_orders/' || x.id
  from ups u join ups_orders x on x.id = (select max(id) from ups_orders where ups = u.id)
  where u.configured and x.state in ('failed', 'expired', 'unknown') and x.created_at > {DAY_AGO}
"""

VIEWS = {
    "ups_overview": UPS_OVERVIEW,
    "outages": OUTAGES,
    "mains_outages": MAINS_OUTAGES,
}
