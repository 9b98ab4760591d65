"""Many sites, exported by `voltkeeper export` to one folder; DuckDB, ClickHouse and Spark are asked of all.

    pip install -r benchmarks/fleet_requirements.txt      (Spark needs Java 17 as well)
    python benchmarks/fleet.py [--sites 200] [--days 365] [--keep DIR] [--engines duckdb,clickhouse,spark]

Prints the time of the exports, then of each of ten questions for each engine, and whether the answers agree
row by row. --keep uses a lake that an earlier run has made there, and makes what is missing.
"""

import argparse
import csv
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path

from common import ROOT

sys.path.insert(0, str(ROOT))
from fleet_sites import make_site, region_of

from ingest.schema.migrate import migrate

TABLES = ("nodes", "ups", "events", "node_firmware", "channels", "sites", "files")
DAYS = ("ups_samples_hourly", "readings_hourly", "battery_levels")  # those with a folder per day
# UNIX(x): seconds of a time; DIV(a, b): of whole numbers.
QUESTIONS = {
    "worst batteries of a model": """
        select h.house, u.name, min(h.battery_charge_min) as lowest from ups_samples_hourly h
        join ups u on u.house = h.house and u.id = h.ups
        where u.model = 'Smart-UPS 1500' and h.on_battery_s > 0
        group by h.house, u.name order by lowest, h.house, u.name limit 10""",
    "outages at once by region": """
        select r.region, DIV(UNIX(e.started_at), 3600) as hour, count(distinct e.house) as houses
        from events e join regions r on r.house = e.house where e.event = 'ONBATT'
        group by r.region, DIV(UNIX(e.started_at), 3600) order by houses desc, r.region, hour limit 20""",
    "firmware versions of nodes": """
        select f.type, f.version, count(*) as nodes from node_firmware f
        group by f.type, f.version order by f.type, f.version""",
    "energy by region": """
        select r.region, sum(h.wh) / 1000 as kwh from ups_samples_hourly h join regions r on r.house = h.house
        group by r.region order by r.region""",
    "firmware of UPS models": """
        select model, firmware, count(*) as upses from ups
        group by model, firmware order by model, firmware""",
    "node batteries to change": """
        select n.sketch_name, count(*) as nodes, min(n.battery_level) as lowest from nodes n
        where n.battery_level < 65 group by n.sketch_name order by n.sketch_name""",
    "fastest discharging nodes": """
        select house, node, max(level) - min(level) as used from battery_levels
        group by house, node order by used desc, house, node limit 10""",
    "longest outages": """
        select house, ups, UNIX(started_at) as began, UNIX(ended_at) - UNIX(started_at) as seconds
        from events where event = 'ONBATT' order by seconds desc, house, ups, began limit 10""",
    "warmest rooms": """
        select h.house, c.name, sum(h.avg * h.numbers) / sum(h.numbers) as mean from readings_hourly h
        join channels c on c.house = h.house and c.id = h.channel where c.type_name = 'V_TEMP'
        group by h.house, c.name order by mean desc, h.house limit 10""",
    "complete sets": """
        select f.table_name, count(*) as files, sum(f.rows) as n
        from files f join sites s on s.house = f.house where s.complete = 1
        group by f.table_name order by f.table_name""",
}  # fmt: skip


def macros(sql, unix, div):
    sql = re.sub(r"UNIX\(([\w.]+)\)", unix, sql)
    return re.sub(r"DIV\((.+?), (\d+)\)", div, sql)


class DuckDb:
    """In this process, by views over the files."""

    def __init__(self, lake):
        import duckdb

        self._connection = duckdb.connect()
        for table in (*TABLES, *DAYS):
            files = f"{lake}/table={table}/{'*/' if table in DAYS else ''}*.parquet"
            self._connection.execute(
                f"create view {table} as from read_parquet('{files}', hive_partitioning = {table in DAYS})"
            )
        self._connection.execute(f"create view regions as from read_csv('{lake}/regions.csv')")

    def ask(self, sql):
        return self._connection.execute(macros(sql, r"epoch(\1)::bigint", r"(\1) // \2")).fetchall()


class ClickHouse:
    """In this process, by chdb."""

    def __init__(self, lake):
        from chdb.session import Session

        self._session = Session()
        for table in (*TABLES, *DAYS):
            files = f"{lake}/table={table}/{'*/' if table in DAYS else ''}*.parquet"
            self._session.query(f"create view {table} as select * from file('{files}', 'Parquet')")
        self._session.query(
            f"create view regions as select * from file('{lake}/regions.csv', 'CSVWithNames')"
        )

    def ask(self, sql):
        answer = self._session.query(
            macros(sql, r"toUnixTimestamp(\1)", r"intDiv(\1, \2)"), "JSONCompactEachRow"
        )
        return [tuple(json.loads(line)) for line in str(answer).splitlines() if line]


class Spark:
    """A local cluster of two threads."""

    def __init__(self, lake):
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
        builder = builder.config("spark.ui.enabled", False).config("spark.sql.shuffle.partitions", 4)
        builder = builder.config("spark.ui.showConsoleProgress", False)
        self._spark = builder.config("spark.driver.memory", "3g").getOrCreate()
        self._spark.sparkContext.setLogLevel("ERROR")
        for table in (*TABLES, *DAYS):
            self._spark.read.parquet(f"{lake}/table={table}").createOrReplaceTempView(table)
        regions = self._spark.read.csv(f"{lake}/regions.csv", header=True)
        regions.createOrReplaceTempView("regions")

    def ask(self, sql):
        return [
            tuple(row)
            for row in self._spark.sql(macros(sql, r"unix_timestamp(\1)", r"(\1) div \2")).collect()
        ]


ENGINES = {"duckdb": DuckDb, "clickhouse": ClickHouse, "spark": Spark}


def differences(first, second):
    """Rows that differ by more than rounding."""
    return [pair for pair in zip_longest(first, second) if not same(*pair)]


def same(first, second):
    if first is None or second is None or len(first) != len(second):
        return False
    return all(
        math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-6)
        if is_number(a) and is_number(b)
        else a == b
        for a, b in zip(first, second, strict=True)
    )


def is_number(value):
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def make_lake(folder, options):
    """Simulate and export each site that is not there yet; the seconds of each export."""
    lake, template, seconds = folder / "lake", folder / "template.db", []
    migrate(template)
    for number in range(options.sites):
        if (lake / f"table=sites/part-site-{number}.parquet").exists():
            continue
        with tempfile.TemporaryDirectory(dir=folder) as top:
            config = make_site(template, Path(top) / "site", number, options.days)
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "voltkeeper", "export", str(lake), "--config", str(config)],
                cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            seconds.append(time.perf_counter() - began)
    with (lake / "regions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("house", "region"))
        writer.writerows((f"site-{number}", region_of(number)) for number in range(options.sites))
    return lake, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--engines", default="duckdb,clickhouse,spark")
    options = parser.parse_args()
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as top:
        Path(top).mkdir(parents=True, exist_ok=True)
        lake, seconds = make_lake(Path(top), options)
        found = list(lake.rglob("*.parquet"))
        size = sum(path.stat().st_size for path in found) / 1e6
        print(f"{options.sites} sites, {options.days} days: {len(found):,} files, {size:.1f} MB", flush=True)
        if seconds:
            median = sorted(seconds)[len(seconds) // 2]
            print(f"{len(seconds)} exports: {sum(seconds):.0f} s, median {median:.1f} s", flush=True)
        sys.exit(ask_all(lake, options.engines.split(",")))


def ask_all(lake, names):
    """Print times and differences; 1 where answers differ."""
    engines = {}
    for name in names:
        began = time.perf_counter()
        engines[name] = ENGINES[name](lake)
        print(f"{name}: ready after {time.perf_counter() - began:.1f} s", flush=True)
    wrong = 0
    for question, sql in QUESTIONS.items():
        answers, times = {}, []
        for name, engine in engines.items():
            began = time.perf_counter()
            answers[name] = engine.ask(sql)
            times.append(f"{name} {time.perf_counter() - began:.2f} s")
        first, *others = answers.values()
        differing = [row for other in others for row in differences(first, other)]
        wrong += bool(differing) or not first
        outcome = f"DIFFERENT {differing[:2]}" if differing else f"{len(first)} rows, the same"
        print(f"{question}: {', '.join(times)}; {outcome}", flush=True)
    return int(bool(wrong))


if __name__ == "__main__":
    main()
