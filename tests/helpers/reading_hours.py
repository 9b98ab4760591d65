"""The hours of readings that a test has written, as ingest sums them up."""

SUM_UP = """insert or replace into readings_hourly (channel, hour_at, count, min, avg, max, numbers)
select channel, substr(received_at, 1, 13) || ':00:00.000Z', count(*), min(value), avg(value), max(value),
  count(value) from readings where wrong is null group by 1, 2"""
