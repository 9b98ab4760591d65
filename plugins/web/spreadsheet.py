"""Links to CSV for spreadsheets: those of our pages ask for it with `_spreadsheet=1`.

Without that, CSV holds the values as they are, for programs (`reporting.spreadsheet_csv`).
"""

from collections.abc import Mapping

PARAMETER = "_spreadsheet"


def spreadsheet_url(url: str) -> str:
    """The address of a CSV file as a spreadsheet is to get it."""
    return f"{url}{'&' if '?' in url else '?'}{PARAMETER}=1"


def spreadsheet_links(context: Mapping[str, object]) -> dict[str, object]:
    """The context of a page of Datasette's whose links to CSV are those for spreadsheets."""
    if "url_csv" not in context:
        return dict(context)
    fields = context.get("url_csv_hidden_args")
    hidden = [*(fields if isinstance(fields, list) else ()), (PARAMETER, "1")]
    return {**context, "url_csv": spreadsheet_url(str(context["url_csv"])), "url_csv_hidden_args": hidden}
