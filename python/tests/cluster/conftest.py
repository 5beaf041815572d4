"""Fixtures for the tests of clusters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from courtesy import latency
from scripted import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(latency) as server:
        yield server
