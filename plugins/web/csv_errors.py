"""SQL that fails where CSV is asked for: Datasette would answer with an empty file, and 200."""

from contextvars import ContextVar

from datasette.views.base import DatasetteError

asks_csv: ContextVar[bool] = ContextVar("asks_csv", default=False)  # the request that is being answered


def as_refusal(error: Exception) -> Exception:
    """What a failing statement raises: for CSV an answer 400 with its message."""
    return DatasetteError(str(error), title="Invalid SQL", status=400) if asks_csv.get() else error
