"""Fixtures for the tests of clusters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from courtesy import DELAY
from scripted import Server


@pytest.fixture
def server() -> Iterator[Server]:
    # A host gets a request each `DELAY`: without a cap, three would be in flight.
    with Server(latency=3 * DELAY) as server:
        yield server
