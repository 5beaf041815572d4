"""A row: a URL, and what is known about its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A file that is wanted.

    Args:
        url: An absolute ``http`` or ``https`` URL.
        name: The name of the file, a path relative to the destination.
        label: What progress displays call it.
        checksum: ``"sha256=…"``, several of these, or ``{"sha256": "…"}``.
        mirrors: Other URLs of the same file.
        headers: Sent with its requests, in place of those of the run that have the same name.
        size: The length that the file must have, in bytes.
    """

    url: str
    name: str | None = None
    label: str | None = None
    checksum: str | Sequence[str] | Mapping[str, str] | None = None
    mirrors: Sequence[str] = ()
    headers: Mapping[str, str] | None = None
    size: int | None = None
