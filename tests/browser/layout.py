"""What is wrong with the layout of a page in a browser, found by computing boxes."""

from pathlib import Path

LAYOUT = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")
OPEN_ALL = (
    """document.querySelectorAll("main details, .notices details").forEach((one) => { one.open = true; })"""
)


def faults(page):
    """What is wrong with the page as it is now: `fault: element: text`."""
    return page.run(LAYOUT)


def open_all(page):
    """Unfold everything."""
    page.run(OPEN_ALL)
