"""What the engine takes for one host."""

from __future__ import annotations

from typing import Any, overload

from haulage import _haulage
from haulage._arrow import arrow


@overload
def host_of(url: str) -> str | None: ...
@overload
def host_of(url: Any) -> Any: ...
def host_of(url: Any) -> Any:
    """Returns the host of a URL: scheme, name, and port where it is not the scheme's own.

    Limits such as ``per_host`` and ``delay`` count by it. So partition by it where each host is to
    have one caller.

    Args:
        url: A URL; or an Arrow array, a polars or pandas Series or any other array of them.

    Returns:
        The host, ``None`` for what is no URL. For an array: a `pyarrow.Array` of them.

    >>> host_of("HTTPS://Example.org:443/a")
    'https://example.org'
    >>> host_of("mailto:a@example.org") is None
    True
    """
    if url is None:
        return None
    if isinstance(url, str):
        return _haulage.host_of(url)
    pa = arrow()
    return pa.array([host_of(each) for each in _values(url)], pa.string())


def _values(array: Any) -> Any:
    import pyarrow as pa

    if isinstance(array, (pa.Array, pa.ChunkedArray)):
        values: list[str | None] = array.to_pylist()
        return values
    if hasattr(array, "__arrow_c_stream__") or hasattr(array, "__arrow_c_array__"):
        return _values(pa.chunked_array(array))
    return [each if isinstance(each, str) else None for each in array]
