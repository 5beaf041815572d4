"""From keyword arguments to the options of the command, which mean the same here."""

from __future__ import annotations

import difflib
import operator
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, SupportsIndex, TypedDict

from haulage import _haulage

if TYPE_CHECKING:
    from typing import TypeAlias

    Duration: TypeAlias = float | timedelta | str
    Size: TypeAlias = int | str
    Path: TypeAlias = str | os.PathLike[str]
else:
    Duration = Size = Path = object

Pairs = list[tuple[str, "str | None"]]

# What an engine decides for all of its runs together.
OF_ENGINE = frozenset({"per_host", "per_proxy", "delay", "limit_rate_per_host"})


class TableOptions(TypedDict, total=False):
    """The options of a run of a table: all but those about columns, which have arguments."""

    allow_downgrade: bool | None
    base_url: str | None
    bearer_file: Path | None
    cacert: Path | None
    capath: Path | None
    cert: Path | None
    compressed: bool | None
    connect_timeout: Duration | None
    content_disposition: bool | None
    cookie: str | Sequence[str] | Mapping[str, str] | None
    delay: Duration | None
    dry_run: bool | None
    durability: str | None
    exists: str | None
    fail_early: bool | None
    hash: str | Sequence[str] | None
    hashes: str | Sequence[str] | None
    header: str | Sequence[str] | Mapping[str, str] | None
    headers: str | Sequence[str] | Mapping[str, str] | None
    http1_1: bool | None
    http2_prior_knowledge: bool | None
    https_only: bool | None
    input_format: str | None
    insecure: bool | None
    interface: str | None
    ipv4: bool | None
    ipv6: bool | None
    jobs: int | None
    key: Path | None
    layout: str | None
    limit_rate: Size | None
    limit_rate_per_host: Size | None
    load_cookies: Path | None
    lowest_speed: Size | None
    max_errors: int | None
    max_redirects: int | None
    max_size: Size | None
    max_time: Duration | None
    metalink_location: str | None
    min_free: Size | None
    min_split_size: Size | None
    netrc: bool | None
    netrc_file: Path | None
    netrc_optional: bool | None
    no_wait: bool | None
    noproxy: str | None
    per_host: int | None
    per_proxy: int | None
    pinnedpubkey: str | None
    portable_names: bool | None
    proxy: str | None
    proxy_cacert: Path | None
    proxy_user: str | None
    public_only: bool | None
    referer: str | None
    resolve: str | Sequence[str] | None
    retries: int | None
    retry_failed: str | None
    retry_max_time: Duration | None
    robots: bool | None
    save_cookies: Path | None
    split: int | None
    timeout: Duration | None
    tls_max: str | None
    tlsv1_3: bool | None
    user: str | None
    user_agent: str | None
    user_file: Path | None


class Options(TableOptions, total=False):
    """The options of a run: those of ``haul``, as ``haul --help`` explains them."""

    checksum: str | Sequence[str] | Mapping[str, str] | None
    # For a list in a file.
    checksum_column: str | None
    delimiter: str | None
    header_column: str | Sequence[str] | Mapping[str, str] | None
    name_column: str | None
    size_column: str | None
    url_column: str | None


@cache
def known() -> dict[str, tuple[str, str]]:
    """Returns the options: for each keyword, the name that the command has for it, and its kind:
    ``flag``, ``value`` or ``values``."""
    return {keyword(name): (name, kind) for name, kind in _haulage.option_names()}


def keyword(name: str) -> str:
    return re.sub("[-.]", "_", name)


def pairs(options: Mapping[str, object]) -> Pairs:
    """Returns the options as the command reads them.

    Raises:
        TypeError: There is no such option, or its value is of the wrong type.
    """
    given: Pairs = []
    for name, value in options.items():
        name = ALIASES.get(name, name)
        if name not in known():
            raise TypeError(unknown(name))
        if value is None:
            continue
        option, kind = known()[name]
        if kind == "flag":
            if not isinstance(value, bool):
                raise TypeError(f"{name} is True or False, not {value!r}")
            if value:
                given.append((option, None))
        elif kind == "values":
            given.extend((option, text(name, each)) for each in several(name, value))
        else:
            given.append((option, text(name, value)))
    return given


ALIASES = {"headers": "header", "hashes": "hash"}


def unknown(name: str) -> str:
    if name == "content":
        return "there is no option 'content'; without a destination, outcomes have their content"
    close = difflib.get_close_matches(name, [*known(), *ALIASES], n=1)
    hint = f"; did you mean {close[0]}?" if close else "; see haulage.Options"
    return f"there is no option {name!r}{hint}"


def several(name: str, value: object) -> Iterable[object]:
    """Returns the values of an option that can be given several times. A dict stands for headers,
    cookies or checksums."""
    if isinstance(value, Mapping):
        sign = ": " if name == "header" else "="
        return [f"{checked(name, key)}{sign}{checked(name, each)}" for key, each in value.items()]
    if isinstance(value, (str, os.PathLike)) or not isinstance(value, Iterable):
        return [value]
    return value


def checked(name: str, word: object) -> str:
    """Returns a name or a value of a dict, which has to be one line of text."""
    if not isinstance(word, str):
        raise TypeError(f"{name}: {word!r} is not a str")
    if "\n" in word or "\r" in word:
        raise TypeError(f"{name}: {word!r} has a line break in it")
    return word


def text(name: str, value: object) -> str:
    """Returns a value as it stands on a command line."""
    if isinstance(value, timedelta):
        return format(value.total_seconds(), "f")
    if isinstance(value, float):
        return format(value, "f")
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if isinstance(path, str):
            return path
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        # An int, or one of NumPy.
        return str(operator.index(value))
    raise TypeError(f"{name} cannot be {value!r}")
