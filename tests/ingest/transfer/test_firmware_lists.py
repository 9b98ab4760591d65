"""Lists of firmware of MYSController and FHEM, with the HEX files beside them."""

import pytest

from ingest.transfer.records import TransferError
from tests.ota.hex_files import hex_file

BLINK = hex_file({0: bytes(range(200))})
OTHER = hex_file({0: bytes(300)})
MYSCONTROLLER = "Type,Name,Version,File,Comments\n10,Blink,1,Blink.hex,blinking example\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Blink.hex").write_text(BLINK)
    (tmp_path / "Time Reporter.ino.hex").write_text(OTHER)
    (tmp_path / "fhem").mkdir()
    (tmp_path / "fhem" / "Blink.hex").write_text(OTHER)
    return tmp_path


def take(site, folder, text, encoding="utf-8"):
    (folder / "firmware_config.csv").write_bytes(text.encode(encoding))
    return site.take(folder / "firmware_config.csv")["firmware"]


@pytest.mark.parametrize(
    "text",
    [
        MYSCONTROLLER,
        MYSCONTROLLER.replace("\n", "\r\n"),
        "#" + MYSCONTROLLER,
        "# the firmware of the house\n#Type,Name,Version,File,Comments\n\n" + MYSCONTROLLER.splitlines()[1],
        MYSCONTROLLER.splitlines()[1],
        MYSCONTROLLER.replace(",", ";"),
        MYSCONTROLLER.replace(",", "\t"),
        MYSCONTROLLER.replace("Type", "TYPE ").replace("Blink.hex", '"BLINK.HEX"'),
        MYSCONTROLLER + "\n\n#20,Old,1,Old.hex,a comment in FHEM\n",
        "\ufeff" + MYSCONTROLLER,
    ],
)
def test_a_list_however_it_is_written(site, folder, text):
    outcome = take(site, folder, text)
    assert outcome.stored == 1 and not outcome.skipped
    assert site.rows("select name, type, version, size, uploaded_by, description from firmware") == [
        ("10/1", 10, 1, 200, "import", "Blink: blinking example")
    ]
    assert site.one("select length(data) from firmware_images") == 256
    again = take(site, folder, text)
    assert again.stored == 0 and again.skipped == {"stored already under the same type and version": 1}


def test_files_and_comments_of_other_kinds(site, folder):
    outcome = take(
        site,
        folder,
        MYSCONTROLLER
        + "20,TimeReporter,3,Time Reporter.ino.hex,demo, with commas, in the comment\n"
        + "21,Below,1,fhem\\blink.hex\n",
    )
    assert outcome.stored == 3
    assert site.rows("select type, filename, description from firmware order by type") == [
        (10, "Blink.hex", "Blink: blinking example"),
        (20, "Time Reporter.ino.hex", "TimeReporter: demo, with commas, in the comment"),
        (21, "blink.hex", "Below"),
    ]


def test_rows_that_cannot_be_are_left_out_with_the_reason(site, folder):
    (folder / "broken.hex").write_text(BLINK.replace(":10", ":11", 1))
    (folder.parent / "outside.hex").write_text(BLINK)
    (folder / "link.hex").symlink_to(folder.parent / "outside.hex")
    rows = {
        "10,Blink,1.2,Blink.hex,": "type and version are whole numbers from 0 to 65535",
        "65536,Blink,1,Blink.hex,": "type and version are whole numbers from 0 to 65535",
        "-1,Blink,1,Blink.hex,": "type and version are whole numbers from 0 to 65535",
        "65535,Blink,65535,Blink.hex,": "means that a node has no firmware",
        "30,Gone,1,Gone.hex,": "there is no such file beside firmware_config.csv",
        "31,Out,1,../outside.hex,": "there is no such file beside",
        "32,Out,1,C:\\mys\\Blink.hex,": "there is no such file beside",
        "33,Out,1,/etc/passwd,": "there is no such file beside",
        "34,Link,1,link.hex,": "there is no such file beside",
        "35,Broken,1,broken.hex,": "line 1: ",
        "36,Short,1": "there is no such file beside",
        "37,List,1,firmware_config.csv": "a record starts with ':'",
        "10,Blink,1,fhem/Blink.hex,": "other bytes are stored under this type and version",
    }
    outcome = take(site, folder, MYSCONTROLLER + "\n".join(rows))
    assert outcome.stored == 1
    assert len(outcome.skipped) == len(rows)
    for (row, reason), told in zip(rows.items(), outcome.skipped, strict=True):
        assert reason in told and row.split(",")[0] in told


@pytest.mark.parametrize(
    "text", ["Type,Name\n1,2\n", "type,name,version,size\n10,a,1,b.hex\n", "x,Blink,1,Blink.hex\n"]
)
def test_other_csv_is_no_list_of_firmware(site, folder, text):
    with pytest.raises(TransferError, match="not a file that can be imported"):
        take(site, folder, text)
