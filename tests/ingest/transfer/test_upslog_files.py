"""upslog's files as they are in the field: banners, messages of stderr, names of UPSes, other formats."""

import shutil
import subprocess
import time

import pytest

from ingest.transfer.importers.upslog import DEFAULT, find_format
from ingest.transfer.records import TransferError

LINE = "20260601 143000 100 230.1 12 [OL] 25.1 50.0"
BANNER_27 = "Network UPS Tools upslog 2.7.4\nlogging status of rack@localhost to - (30s intervals)\n"
BANNER_28 = "Network UPS Tools upslog 2.8.1 release\nlogging status of rack@localhost to - (30s)\n"


@pytest.mark.parametrize(
    "before",
    [
        BANNER_27,
        BANNER_28,
        "Warning: initial connect failed: Connection failure: Connection refused\n" + BANNER_28,
        "Init SSL without certificate database\n" + BANNER_28,
        "\n\nJun 01 14:29:58 pi systemd[1]: Started upslog.\n",
        "20269999 999999 100 230.1 12 [OL] 25.1 50.0\n",  # digits that are no time
        "Warning: UPS [rack] poll failed: Driver not connected\n" * 150,
        "\ufeff\n",
    ],
)
def test_lines_before_the_first_record(site, tmp_path, before):
    path = tmp_path / "ups.log"
    path.write_text(before + LINE + "\nSignal 15: exiting\n" + LINE.replace("143000", "143030") + "\n")
    assert site.take(path, timezone="UTC")["lines"].stored == 2
    assert site.take(path, timezone="UTC")["lines"].stored == 0
    assert site.rows("select sampled_at, battery_charge from ups_samples order by id") == [
        ("2026-06-01T14:30:00.000Z", 100.0),
        ("2026-06-01T14:30:30.000Z", 100.0),
    ]


def test_a_file_of_several_upses_as_upslog_n_writes_it(site, tmp_path):
    path = tmp_path / "ups.log"
    path.write_text(
        BANNER_28 + f"rack@localhost:3493\t{LINE}\ndesk@localhost:3493\t{LINE.replace('100', '97')}\n"
    )
    assert site.take(path)["lines"].stored == 2
    assert site.rows(
        "select u.name, s.battery_charge from ups_samples s join ups u on u.id = s.ups order by s.id"
    ) == [("rack@localhost", 100.0), ("desk@localhost", 97.0)]


@pytest.mark.parametrize(
    ("format", "line", "ups"),
    [
        ("%UPSHOST%%t%TIME @F @T%%t%VAR battery.charge%", "rack@pi\t2026-06-01 14:30:00\t99", "rack@pi"),
        ("%time @F @T% %var battery.charge%", "2026-06-01 14:30:00 99", "ups"),
        ("%ETIME% %VAR battery.charge% %VAR ups.nosuch%", "1780317000 99 INVALID", "ups"),
    ],
)
def test_formats_of_ones_own(site, tmp_path, format, line, ups):
    path = tmp_path / "own.log"
    path.write_text(BANNER_28 + line + "\n")
    assert site.take(path, format=format)["lines"].stored == 1
    assert site.rows("select name from ups") == [(ups,)]
    assert site.rows("select battery_charge from ups_samples") == [(99.0,)]


@pytest.mark.parametrize("content", [BANNER_27, BANNER_28 * 200, LINE.replace("[", "(") + "\n"])
def test_a_file_without_a_record_is_not_one_of_upslog(site, tmp_path, content):
    path = tmp_path / "ups.log"
    path.write_text(content)
    with pytest.raises(TransferError, match="not a file that can be imported"):
        site.take(path)


@pytest.mark.skipif(shutil.which("upslog") is None, reason="apt-get install nut-client")
def test_what_the_real_program_writes_to_its_output(tmp_path):
    """No upsd is there: each variable is NA, which is a record of the format all the same."""
    path = tmp_path / "ups.log"
    with path.open("w") as file:
        program = subprocess.Popen(
            ["upslog", "-s", "rack@localhost:1", "-l", "-", "-i", "1"], stdout=file, stderr=file
        )
        try:
            for _ in range(100):
                if "NA" in path.read_text():
                    break
                time.sleep(0.05)
        finally:
            program.terminate()
            program.wait(10)
    assert path.read_text().splitlines()[0][:4] in ("Netw", "Warn")
    assert find_format(path, None) is not None and find_format(path, DEFAULT) is not None
