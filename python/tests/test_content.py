"""Files in memory."""

from __future__ import annotations

import gc
import hashlib

import pytest

import haulage


def test_content_is_what_a_file_has(origin, tmp_path):
    url = origin.url("/bytes/100K/a.bin?seed=3")
    haulage.download(url, tmp_path).wait()
    (outcome,) = haulage.download(url)
    expected = (tmp_path / "a.bin").read_bytes()
    content = outcome.content
    assert bytes(content) == content == expected
    assert (outcome.path, outcome.file, outcome.bytes) == (None, None, len(expected))


def test_content_is_a_read_only_view(origin):
    (outcome,) = haulage.download(origin.url("/bytes/1K"))
    content = outcome.content
    assert isinstance(content, memoryview)
    assert content.readonly and content.format == "B" and content.nbytes == len(content) == 1024
    assert content.contiguous and content.ndim == 1
    with pytest.raises(TypeError):
        content[0] = 0
    with pytest.raises(TypeError):
        memoryview(content)[:1] = b"x"
    assert content[:4].tobytes() == bytes(content)[:4]
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(bytes(content)).hexdigest()
    assert outcome.content == content


def test_content_lives_as_long_as_its_view(origin):
    urls = origin.urls(50, "/bytes/50K")
    run = haulage.download(urls)
    views = {outcome.url: outcome.content for outcome in run}
    del run
    gc.collect()
    # What follows would take memory that had been freed.
    again = {outcome.url: bytes(outcome.content) for outcome in haulage.download(urls)}
    for url, view in views.items():
        assert view == again[url]
    part = views[urls[0]][10:20]
    expected = bytes(part)
    del views, view
    gc.collect()
    haulage.download(urls).wait()
    assert part == expected


def test_empty_file_has_empty_content(origin):
    (outcome,) = haulage.download(origin.url("/bytes/0"))
    assert outcome.ok and outcome.content is not None
    assert bytes(outcome.content) == b"" and outcome.content.readonly


def test_failed_item_has_no_content(origin):
    (outcome,) = haulage.download(origin.url("/bytes/1?status=404"))
    assert outcome.content is None


def test_compressed_content_is_decoded(origin):
    (outcome,) = haulage.download(origin.url("/bytes/1K"), compressed=True)
    assert outcome.ok and outcome.content.nbytes == 1024


def test_file_that_is_too_large_for_memory_is_refused(origin):
    run = haulage.download([origin.url("/bytes/300M"), origin.url("/bytes/1K")])
    outcomes = {outcome.row: outcome for outcome in run}
    assert outcomes[0].error.kind == "refused"
    assert "memory" in outcomes[0].error.message
    assert outcomes[1].ok


def test_content_that_is_not_received_waits(origin):
    """Memory is bounded: more is fetched as outcomes are received."""
    run = haulage.download(origin.urls(12, "/bytes/40M"))
    assert sum(outcome.content.nbytes for outcome in run) == 12 * 40 * 2**20
