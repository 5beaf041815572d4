"""pyarrow, which only tables need."""

from __future__ import annotations

from typing import Any


def arrow() -> Any:
    """Returns pyarrow.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("haulage needs pyarrow for tables: pip install pyarrow") from error
    return pyarrow
