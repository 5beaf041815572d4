"""What fails an item, and what raises."""

from __future__ import annotations

import os
import pickle
import socket

import pytest

import haulage


def error_of(url, **options):
    (outcome,) = haulage.download(url, retries=0, **options)
    assert outcome.status == "failed" and not outcome.ok
    assert outcome.bytes == 0 and outcome.path is None
    assert "\n" not in outcome.error.message
    assert str(outcome.error) == outcome.error.message
    assert outcome.error.kind in repr(outcome.error)
    assert outcome.error.message in repr(outcome)
    return outcome.error.kind, outcome.error.message


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("status=404", "http"),
        ("status=500", "http"),
        ("close_at=100", "incomplete"),
        ("reset_at=100", "reset"),
        ("close", "reset"),
        ("redirect=ftp://a.example/", "refused"),
        ("redirect=/bytes/1", "redirect"),
        ("raw=nonsense%0d%0a%0d%0a", "protocol"),
        ("header=Content-Encoding:%20nonsense", "decode"),
    ],
)
def test_failures_have_a_kind(own_origin, query, kind):
    options = {"max_redirects": 0} if kind == "redirect" else {"compressed": kind == "decode"}
    found, message = error_of(own_origin.url(f"/bytes/1K?{query}"), **options)
    if kind in ("incomplete", "reset"):
        assert found in ("incomplete", "reset"), message
    else:
        assert found == kind, message


def test_status_is_in_the_message(own_origin):
    (outcome,) = haulage.download(own_origin.url("/bytes/1?status=404"))
    assert outcome.http_status == 404 and "404" in outcome.error.message


def test_connection_that_is_refused_fails(own_origin):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert error_of(f"http://127.0.0.1:{port}/")[0] == "connect"


def test_name_that_is_unknown_fails():
    assert error_of("http://a.invalid/")[0] in ("dns", "connect")


def test_checksum_that_differs_fails(own_origin):
    kind, message = error_of(own_origin.url("/bytes/1K"), checksum="sha256=" + "0" * 64)
    assert kind == "checksum"


def test_certificate_that_is_not_trusted_fails(start_origin, tmp_path):
    tls = start_origin("--tls", "--cert-out", str(tmp_path / "cert.pem"))
    assert error_of(tls.url("/bytes/1"))[0] == "tls"
    run = haulage.download(tls.url("/bytes/1"), cacert=tmp_path / "cert.pem")
    assert run.wait().done == 1


def test_certificates_that_cannot_be_used_are_refused(own_origin, tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises((haulage.InputError, haulage.TlsError), match="bad.pem"):
        haulage.download(own_origin.urls(1), cacert=bad).wait()
    with pytest.raises(haulage.InputError, match="cacert"):
        haulage.download(own_origin.urls(1), cacert=tmp_path / "none.pem")


def test_destination_that_cannot_be_used_is_refused(own_origin, tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for dest in (file, file / "below", "/proc/haulage", "", "s3://bucket/x"):
        with pytest.raises(haulage.DestinationError):
            haulage.download(own_origin.urls(1), dest).wait()
    assert file.read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused(own_origin, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(haulage.DestinationError):
        haulage.download(own_origin.urls(1), tmp_path / "out")


def test_disk_without_the_space_that_is_to_stay_free_ends_the_run(own_origin, tmp_path):
    with pytest.raises(haulage.DestinationError, match="free|space"):
        haulage.download(own_origin.rows(3, "/bytes/1M"), tmp_path, min_free="100T").wait()


def test_disk_that_is_full_ends_the_run(own_origin, tmp_path, run_script):
    """A limit for the size of files stands for a full disk."""
    out = run_script(
        """
        import resource, sys
        import haulage

        url, folder = sys.argv[1:]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        run = haulage.download([{"url": url, "name": str(name)} for name in range(3)], folder)
        try:
            print([outcome.error.kind for outcome in run])
        except haulage.DestinationError as error:
            print("DestinationError", error)
        """,
        own_origin.url("/bytes/5M"),
        tmp_path,
    )
    assert out.startswith("DestinationError") or "disk" in out


def test_errors_are_exceptions_of_one_family():
    assert issubclass(haulage.InputError, haulage.HaulageError)
    assert issubclass(haulage.DestinationError, haulage.HaulageError)
    assert issubclass(haulage.TlsError, haulage.HaulageError)
    assert not issubclass(haulage.HaulageError, (OSError, ValueError))
    for error in (haulage.InputError, haulage.DestinationError, haulage.TlsError):
        assert error.__module__ == "haulage"
        copy = pickle.loads(pickle.dumps(error("x")))
        assert (type(copy), str(copy)) == (error, "x")


@pytest.mark.parametrize(
    ("query", "options", "named"),
    [
        ("", {"max_size": 10}, "(max_size)"),
        ("stall", {"timeout": 0.2}, "(timeout)"),
        ("stall", {"max_time": 0.2}, "(max_time)"),
        ("redirect=/bytes/1", {"max_redirects": 0}, "(max_redirects)"),
        ("status=429", {}, "with per_host"),
        ("status=401&header=WWW-Authenticate:%20Basic%20realm=x", {}, "user USER or netrc"),
        ("status=403", {}, "(user, netrc) or cookies (load_cookies)"),
        ("", {"public_only": True}, "refused by public_only"),
        ("", {"https_only": True}, "(https_only)"),
        ("", {"http2_prior_knowledge": True}, "try http1_1"),
    ],
)
def test_messages_name_options_as_python_does(own_origin, query, options, named, caplog):
    events = []
    url = own_origin.url(f"/bytes/1K?{query}")
    with caplog.at_level("DEBUG", "haulage"):
        (outcome,) = haulage.download([url], retries=0, progress=events.append, **options)
    said = [
        outcome.error.message,
        outcome.as_dict()["error"]["message"],
        repr(outcome),
        events[-1]["error"]["message"],
        "\n".join(caplog.messages),
    ]
    for text in said:
        assert named in text
        assert "--" not in text.replace("-----", "") and " -u" not in text


def test_messages_name_the_destination_as_python_does(own_origin, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(haulage.DestinationError, match="choose another with dest$"):
        haulage.download(own_origin.urls(1), tmp_path / "file").wait()


def test_table_names_options_as_python_does(own_origin, tmp_path):
    pytest.importorskip("pyarrow")
    table = {"url": [own_origin.url("/bytes/1K")]}
    result = haulage.download_table(table, content=True, max_size=10)
    assert result["error_message"].to_pylist() == ["the file has more than 10 bytes (max_size)"]


def test_words_of_servers_and_urls_are_left_alone(own_origin):
    words = own_origin.url("/bytes/1?header=Content-Encoding:%20--max-size")
    (outcome,) = haulage.download([words], retries=0, compressed=True)
    assert "--max-size" in outcome.error.message
    (outcome,) = haulage.download(["--max-size -x"])
    assert '"--max-size -x"' in outcome.error.message and outcome.url == "--max-size -x"


def test_too_many_errors_end_the_run(own_origin):
    urls = [own_origin.url(f"/bytes/1?status=404&seed={n}") for n in range(300)]
    run = haulage.download(urls, max_errors=3, jobs=1)
    outcomes = list(run)
    assert 3 <= len(outcomes) < 300


def test_url_is_shown_without_a_password(own_origin):
    url = own_origin.url("/bytes/1?status=404").replace("http://", "http://me:secret@")
    (outcome,) = haulage.download(url)
    shown = [outcome.url, outcome.label, repr(outcome), outcome.error.message, str(outcome.as_dict())]
    assert not any("secret" in text for text in shown)
