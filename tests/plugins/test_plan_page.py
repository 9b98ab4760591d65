"""/-/plan: for everybody what is done when; for signed-in users what it runs, and what that said."""

import html
import time
from contextlib import closing

import pytest
import yaml

from ingest.config.model import read_config
from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.browser.states import PLAN, add_plan_runs
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer
from tests.plugins.ups_house import UPSES, House

SECRET = "secret-1234567"
TABLES = (
    "/telemetry/plan_steps.json",
    "/telemetry/plan_runs",
    "/telemetry.json?sql=select+*+from+plan_steps",
)


@pytest.fixture(scope="module")
def house(module_site):
    values = yaml.safe_load(PLAN)
    values["plan"][0]["on_battery"][0]["webhook"] = {
        "url": f"https://nas.lan/{SECRET}",
        "headers": {"x-key": SECRET},
    }
    config = read_config(values, "/", "test")[0]
    site = module_site(access=ACCESS, nut=config.nut, must=config.must, plan=config.plan)
    path = site.datasette.config.database
    write = House(path, days=1, step=600)
    write.write(outages=[(60, 640, UPSES), (20, 95, UPSES)])
    with closing(connect(path)) as connection:
        add_plan_runs(connection, names=False)
    return site


def test_what_a_step_runs_is_for_signed_in_users(house):
    for path in TABLES:
        assert house.get(path).status_code in (401, 403), path
        assert house.get(path, headers=bearer(READER)).status_code == 200, path
    anonymous, signed_in = house.get("/-/plan"), house.get("/-/plan", headers=bearer(READER))
    pages = [house.get("/-/plan", headers={**BROWSER, **who}).text for who in ({}, bearer(READER))]
    texts = [anonymous.text, signed_in.text, *pages]
    assert [SECRET in text for text in texts] == [False] * 4
    for mark in ("/usr/local/bin/stop-lab", "HTTP 200 OK", "nas.lan"):
        assert [mark in text for text in texts] == [False, True, False, True], mark
    assert all("stop-lab" in text and "charge 60 %" in text for text in texts)
    assert 'href="/-/plan"' in house.get("/", headers=BROWSER).text


def test_nothing_is_said_of_now_while_the_history_of_the_demo_is_made(make_site):
    config = read_config(yaml.safe_load(PLAN), "/", "test")[0]
    site = make_site(demo=True, nut=config.nut, plan=config.plan)
    House(site.datasette.config.database, days=1, step=600).write(outages=[(60, 640, UPSES)])
    page = html.unescape(site.page("/-/plan"))
    assert "The demo's history is being made." in page and "carried out when it is done" in page
    assert "is not running" not in page and "If mains failed now, the battery" not in page
    assert 'class="scale"' not in page and 'class="runtime"' not in page
    answer = html.unescape(site.page(f"/ups/{UPSES[0]}").partition("<h1>")[2])
    assert answer.startswith("The demo's history is being made.") and "are from before then" not in answer


def test_the_timeline_stands_against_the_predicted_runtime(house):
    found = house.get("/-/plan").json()
    rack, single = found["plans"]
    assert not found["running"] and rack["phase"] == "back" and single["phase"] is None
    runtime_s, charge = house.rows(
        """select min(battery_runtime), min(battery_charge) from (select s.battery_runtime, s.battery_charge,
        max(s.sampled_at) from ups_samples s join ups u on u.id = s.ups where u.name like '%@closet'
        group by s.ups)"""
    )[0]
    assert (rack["runtime_s"], rack["charge"]) == (runtime_s, charge)
    expected = [step["expected_s"] for step in rack["on_battery"]]
    assert expected[0] == 30 and expected[2] == runtime_s - 300 and expected[3] == 36000
    assert expected[1] == pytest.approx(min(900, runtime_s * (charge - 60) / charge))
    assert [step["too_late"] for step in rack["on_battery"]] == [False, False, False, True]
    assert [run["state"] for run in found["runs"]] == ["back", "over"]
    page = house.page("/-/plan")
    assert "Outage plans are not carried out now" in page and 'class="track"' not in page
    with closing(connect(house.datasette.config.database)) as connection:
        connection.execute("update plan_runs set state = 'over'")
    page = house.page("/-/plan")
    assert page.count('class="track"') == 4 and "If mains failed now, the battery would last" in page
    with closing(connect(house.datasette.config.database)) as connection:
        connection.execute(
            "insert into events (id, event, ups, started_at) select 9999, 'ONBATT', id, ? from ups "
            "where name = 'rack@closet'",
            (format_utc(time.time() - 300),),
        )
        connection.execute(
            "insert into plan_runs (plan, outage, started_at) values ('rack', 9999, ?)",
            (format_utc(time.time() - 300),),
        )
        connection.execute(
            """insert into plan_steps (run, number, step, phase, kind, action, state)
            select max(id), 1, 'warn', 'battery', 'webhook', 'POST', 'running' from plan_runs"""
        )
    page = house.page("/-/plan")
    assert "On battery for about 5 min" in page and page.count('class="track"') == 3
    plan = house.get("/-/plan").json()["plans"][0]
    assert 299 <= plan["battery_s"] <= 400 and not plan["is_least"]
    with closing(connect(house.datasette.config.database)) as connection:  # it began in an earlier boot
        connection.execute("update events set boot_id = 'before', boottime_s = 1 where id = 9999")
    assert house.get("/-/plan").json()["plans"][0]["is_least"]
    page = house.page("/-/plan")
    assert "On battery for at least" in page and "since nothing confirms its clock" in page


def test_without_a_plan_it_shows_what_to_add(module_site):
    site = module_site(access=ACCESS, name="bare.db")
    page = site.page("/-/plan")
    assert "No outage plan is set up" in page and 'href="/-/plan"' not in site.page("/")
    example = html.unescape(page.partition('id="setup-yaml"><code>')[2].partition("</code>")[0])
    values = yaml.safe_load(example) | {"nut": [{"name": "closet", "ups": ["rack"]}]}
    assert read_config(values, "/", "page")[0].plan[0].power_back[0].if_ran == ("stop-lab",)
    assert site.get("/-/plan").json()["plans"] == []
