"""What the UPSes of a plan predict now: the runtime at the present load, and the charge."""

import sqlite3

from ingest.config.plan import OutagePlan
from ingest.db.connection import dict_rows
from outbound.plan.outlook import RuntimePrediction, predict

NEWEST = """select u.name, s.battery_runtime, s.battery_charge from ups u
join ups_samples s on s.id = (select x.id from ups_samples x
  where x.ups = u.id and x.sampled_at = u.last_sample_at order by x.id desc limit 1)
where u.name in ({names}) and u.configured"""


def read_prediction(connection: sqlite3.Connection, plan: OutagePlan) -> RuntimePrediction:
    """As the newest samples have it."""
    sql = NEWEST.format(names=", ".join("?" * len(plan.ups)))
    figures = {
        row["name"]: RuntimePrediction(row["battery_runtime"], row["battery_charge"])
        for row in dict_rows(connection, sql, plan.ups)
    }
    return predict(figures, plan.ups, plan.when == "all")


def read_reported(connection: sqlite3.Connection, plan: OutagePlan) -> dict[str, bool] | None:
    """Whether a UPS of the plan reports its charge, and its runtime; None while none was ever read."""
    sql = NEWEST.format(names=", ".join("?" * len(plan.ups)))
    rows = dict_rows(connection, sql, plan.ups)
    if not rows:
        return None
    return {
        "charge": any(row["battery_charge"] is not None for row in rows),
        "runtime_s": any(row["battery_runtime"] is not None for row in rows),
    }
