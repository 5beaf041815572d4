"""Outcomes and what belongs to them, in other processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import pytest

import haulage

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
FIELDS = [
    name
    for name, member in vars(haulage.Outcome).items()
    if not name.startswith("_") and name not in ("as_dict", "error")
]


def some_outcomes(origin, dest):
    rows = [
        {"url": origin.url("/bytes/1K/a?etag=one"), "label": "é"},
        origin.url("/bytes/0/b"),
        origin.url("/bytes/1?status=404"),
        "nonsense",
    ]
    return list(haulage.download(rows, dest, hash=["md5", "sha256"], retries=0))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("in_memory", [True, False])
def test_outcome_is_the_same_after_pickling(origin, tmp_path, protocol, in_memory):
    outcomes = some_outcomes(origin, None if in_memory else tmp_path)
    assert len(outcomes) == 4
    for before in outcomes:
        after = pickle.loads(pickle.dumps(before, protocol))
        assert type(after) is haulage.Outcome
        assert after.as_dict() == before.as_dict() and repr(after) == repr(before)
        for name in FIELDS:
            assert getattr(after, name) == getattr(before, name), name
        assert (after.error is None) == before.ok
        if before.error is not None:
            assert after.error.kind == before.error.kind
            assert after.error.message == before.error.message
        # Again, of what has been restored.
        again = pickle.loads(pickle.dumps(after, protocol))
        assert again.as_dict() == before.as_dict()


def test_skipped_outcome_and_list_row_are_the_same_after_pickling(origin, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# one\n" + origin.url("/bytes/10/a") + "\n")
    haulage.download(path, tmp_path / "out").wait()
    (before,) = haulage.download(path, tmp_path / "out")
    assert (before.status, before.line) == ("skipped", 2)
    after = pickle.loads(pickle.dumps(before))
    assert {name: getattr(after, name) for name in FIELDS} == {
        name: getattr(before, name) for name in FIELDS
    }


def test_copy_of_what_cannot_change_is_itself(origin):
    for outcome in some_outcomes(origin, None):
        assert copy.copy(outcome) is outcome
        assert copy.deepcopy({"a": outcome})["a"] is outcome


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_error_is_the_same_after_pickling_and_copying(origin, protocol):
    (outcome,) = haulage.download(origin.url("/bytes/1?status=404"))
    before = outcome.error
    for after in (
        pickle.loads(pickle.dumps(before, protocol)),
        copy.copy(before),
        copy.deepcopy(before),
    ):
        assert (after.kind, after.message) == (before.kind, before.message)


def test_request_summary_and_stats_are_the_same_after_pickling(origin):
    run = haulage.download(origin.urls(2))
    request = haulage.Request(
        "http://a.example/", checksum={"md5": "0" * 32}, headers={"A": "b"}, mirrors=["http://b/"]
    )
    for before in (run.wait(), run.stats, request):
        for after in (
            *(pickle.loads(pickle.dumps(before, protocol)) for protocol in PROTOCOLS),
            copy.copy(before),
            copy.deepcopy(before),
        ):
            assert type(after) is type(before) and after == before


def test_outcome_of_another_version_is_refused():
    restored = pickle.loads(pickle.dumps(haulage._haulage.restored_error))
    with pytest.raises(ValueError, match="another version"):
        restored("nonsense", "x")


def fetch(url):
    (outcome,) = haulage.download([url])
    return outcome


def test_worker_of_a_pool_may_return_outcomes(origin):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        outcomes = pool.map(fetch, [origin.url("/bytes/1K"), "nonsense"])
    assert [len(outcomes[0].content), outcomes[1].error.kind] == [1024, "input"]
