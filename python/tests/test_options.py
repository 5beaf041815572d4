"""Keyword arguments: names, values, and what is said of wrong ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import haulage
from haulage import _haulage, _options

NAMES = {_options.keyword(name): kind for name, kind in _haulage.option_names()}


def test_options_are_those_of_the_engine():
    annotated = set(_options.Options.__annotations__) - set(_options.ALIASES)
    assert annotated == set(NAMES)
    assert set(_options.ALIASES.values()) <= set(NAMES)


def test_annotations_have_the_kind_of_the_option():
    annotations = _options.Options.__annotations__
    for name, kind in NAMES.items():
        text = getattr(annotations[name], "__forward_arg__", str(annotations[name]))
        assert text.endswith("| None"), name
        assert (text == "bool | None") == (kind == "flag"), (name, text)
        assert ("Sequence[str]" in text) == (kind == "values"), (name, text)


@pytest.mark.parametrize("value", [2, 2.5, 1e-6, timedelta(seconds=2), "2s", "2", "1m", None])
def test_durations_may_have_each_form(origin, value):
    run = haulage.download(origin.urls(1), timeout=value, connect_timeout=value, max_time=None)
    run.close()


@pytest.mark.parametrize("value", [1000, "64M", "1K", "100", None])
def test_sizes_may_have_each_form(origin, value):
    assert haulage.download(origin.urls(1), limit_rate=value, max_size=value).wait().done == 1


def test_durations_have_an_effect(own_origin):
    for value in (0.2, timedelta(milliseconds=200), "200ms"):
        url = own_origin.url("/bytes/1?stall")
        (outcome,) = haulage.download(url, timeout=value, retries=0)
        assert outcome.error.kind == "timeout"
        assert outcome.duration < timedelta(seconds=20)


def test_max_size_has_an_effect(origin):
    (outcome,) = haulage.download(origin.url("/bytes/2K"), max_size="1K")
    assert outcome.error.kind == "refused"


def test_paths_may_be_str_or_path(origin, tmp_path):
    cookies = tmp_path / "cookies.txt"
    for value in (cookies, str(cookies)):
        url = origin.url("/bytes/1?header=Set-Cookie:%20a%3Db;%20Max-Age%3D1000")
        assert haulage.download(url, save_cookies=value).wait().done == 1
        assert "a\tb" in cookies.read_text()
        cookies.unlink()
    with pytest.raises(TypeError):
        haulage.download(origin.urls(1), save_cookies=b"x")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-One": "1", "X-Two": "2"},
        ["X-One: 1", "X-Two: 2"],
        ("X-One: 1",),
        "X-One: 1",
        None,
    ],
)
@pytest.mark.parametrize("name", ["header", "headers"])
def test_headers_may_have_each_form(origin, name, headers):
    assert haulage.download(origin.urls(1), **{name: headers}).wait().done == 1


def test_header_that_is_none_is_refused(origin):
    for wrong in ({"X One": "1"}, ["X-One"]):
        with pytest.raises(haulage.InputError, match="header"):
            haulage.download(origin.urls(1), headers=wrong)


def test_flags_are_true_false_or_none(origin, tmp_path):
    (outcome,) = haulage.download(origin.urls(1), tmp_path, dry_run=True)
    assert (outcome.status, outcome.ok) == ("planned", True)
    for value in (False, None):
        (outcome,) = haulage.download(origin.urls(1), dry_run=value)
        assert outcome.status == "done"
    for wrong in (1, 0, "yes"):
        with pytest.raises(TypeError, match=r"dry_run is True or False, not"):
            haulage.download(origin.urls(1), dry_run=wrong)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("per_hots", "did you mean per_host?"),
        ("timeouts", "did you mean timeout?"),
        ("header_", "did you mean header"),
        ("zzz", "see haulage.Options"),
        ("per-host", "did you mean per_host?"),
        ("dir", ""),
        ("config", ""),
    ],
)
def test_unknown_option_is_refused_with_the_nearest_name(origin, name, hint):
    with pytest.raises(TypeError, match=f"there is no option '{name}'") as raised:
        haulage.download(origin.urls(1), **{name: 1})
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs"),
        ({"jobs": -1}, "jobs"),
        ({"per_host": "many"}, "per_host"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": timedelta(seconds=-1)}, "timeout"),
        ({"limit_rate": "much"}, "limit_rate"),
        ({"limit_rate": -1}, "limit_rate"),
        ({"exists": "perhaps"}, "exists"),
        ({"layout": "round"}, "layout"),
        ({"proxy": "nonsense://x"}, "proxy"),
        ({"cacert": "/none/at/all"}, "cacert"),
        ({"hash": ["nosum"]}, "hash"),
        ({"user_agent": "a\nb"}, "user_agent"),
        ({"user_agent": "a\0b"}, "user_agent"),
        ({"ipv4": True, "ipv6": True}, "ipv6 cannot be used with ipv4"),
        ({"key": "k.pem"}, "cert"),
        ({"user": "me"}, "user me has no password"),
        ({"input_format": "nonsense"}, "input_format"),
    ],
)
def test_wrong_value_is_refused_by_the_name_of_its_option(origin, tmp_path, options, message):
    with pytest.raises(haulage.InputError) as raised:
        haulage.download(origin.urls(1), tmp_path / "out", **options)
    text = str(raised.value)
    assert message in text
    assert "--" not in text and "\n" not in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"jobs": None, "exists": None},
        {"jobs": True},
        {"timeout": [1]},
        {"exists": 1.5j},
        {"user_agent": b"x"},
        {"hash": [None]},
        {"header": 7},
    ],
)
def test_value_of_a_wrong_type_is_refused(origin, options):
    if all(value is None for value in options.values()):
        assert haulage.download(origin.urls(1), **options).wait().done == 1
        return
    with pytest.raises((TypeError, haulage.InputError)):
        haulage.download(origin.urls(1), **options)


def test_base_url_that_is_none_is_refused_with_a_list(tmp_path):
    (tmp_path / "list").write_text("a.bin\n")
    with pytest.raises(haulage.InputError, match="base_url"):
        haulage.download(tmp_path / "list", base_url="nonsense")


def test_lone_surrogate_in_an_option_is_an_input_error(origin):
    # A path may have one: it stands for a byte.
    with pytest.raises((haulage.InputError, UnicodeEncodeError)):
        haulage.download(origin.urls(1), user_agent="\ud800")


def test_destination_of_a_wrong_type_is_refused(origin):
    for wrong in (7, ["x"], object()):
        with pytest.raises(TypeError):
            haulage.download(origin.urls(1), wrong)


def test_hashes_may_have_each_form(origin):
    for name in ("hash", "hashes"):
        for value in ("md5", ["md5"], ("md5", "sha256")):
            (outcome,) = haulage.download(origin.urls(1), **{name: value})
            assert "md5" in outcome.hashes


def test_more_jobs_than_those_of_the_shared_engine(origin):
    run = haulage.download(origin.urls(100, "/bytes/1"), jobs=100)
    assert run.wait().done == 100


def test_options_are_not_changed(origin):
    options = {"per_host": 2, "headers": {"A": "b"}, "exists": "skip"}
    given = dict(options)
    assert haulage.download(origin.urls(1), **options).wait().done == 1
    assert options == given


def test_path_is_absolute_or_relative(origin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for dest in ("one", Path("two"), tmp_path / "three"):
        assert haulage.download(origin.url("/bytes/1/x"), dest).wait().done == 1
        assert (tmp_path / dest / "x").read_bytes()


def test_promise_that_cannot_be_kept_is_warned_of(own_origin):
    proxy = {"proxy": own_origin.address, "public_only": True}
    with pytest.warns(UserWarning, match="public") as warned:
        haulage.download(own_origin.urls(1), **proxy).close()
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    "headers", [{"X": None}, {"X": ["a"]}, {"X": b"y"}, {"X\n": "y"}, {"X": "y\r\nZ: z"}, {1: "y"}]
)
def test_headers_are_lines_of_text(origin, headers):
    with pytest.raises(TypeError, match="header"):
        haulage.download(origin.urls(1), headers=headers)


def test_numbers_of_numpy_are_numbers(origin):
    numpy = pytest.importorskip("numpy")
    options = {"retries": numpy.int64(2), "timeout": numpy.float64(2.5)}
    assert haulage.download(origin.urls(1), **options).wait().done == 1


def test_home_folder_is_known(origin, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (outcome,) = haulage.download(origin.rows(1), "~/files")
    assert outcome.file == tmp_path / "files/0.bin"
    assert outcome.file.exists()


@pytest.mark.parametrize("wrong", [{"engine": 3}, {"progress": "bar"}, {"content": True}])
def test_arguments_of_the_wrong_kind_are_refused(origin, wrong):
    with pytest.raises(TypeError, match=next(iter(wrong))):
        haulage.download(origin.urls(1), **wrong)


def test_run_shows_how_far_it_is(origin):
    run = haulage.download(origin.urls(2))
    run.limit_rate("1M")
    with pytest.raises(ValueError, match="rate"):
        run.limit_rate(-1)
    run.wait()
    assert repr(run) == "<haulage.Run over: 2 done, 0 failed>"
