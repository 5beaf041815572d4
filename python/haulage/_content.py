"""The bytes of a file that is in memory, without a copy."""

import ctypes
from typing import Any


def view(owner: Any, address: int, length: int) -> memoryview:
    """Returns a view of memory that stays valid as long as its owner lives.

    CPython 3.10 has no stable way for an extension to offer a buffer; an array of `ctypes` at an
    address is one. The view keeps the array alive, and the array keeps the owner alive.
    """
    if length == 0:
        return memoryview(b"")
    array = (ctypes.c_char * length).from_address(address)
    array._owner = owner  # type: ignore[attr-defined]
    return memoryview(array).cast("B").toreadonly()
