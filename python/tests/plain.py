"""What a new user does first, in an environment with nothing but the wheel; no pytest."""

import asyncio
import os
import subprocess
import tempfile

import haulage


def download(base: str, folder: str) -> None:
    urls = [f"{base}/data/flags/{code}/{code}.gif" for code in ("cn", "in", "us")]
    outcomes = list(haulage.download(urls, folder, jobs=2, progress=True))
    assert [outcome.status for outcome in outcomes] == ["done"] * 3, outcomes
    assert all(outcome.file.read_bytes()[:3] == b"GIF" for outcome in outcomes if outcome.file)

    async def again() -> haulage.Summary:
        return await haulage.download(urls, folder)

    assert asyncio.run(again()).skipped == 3
    try:
        haulage.download_table({"url": urls}, dest=folder)
    except ImportError as error:
        assert "pip install pyarrow" in str(error), error
    else:
        raise AssertionError("there is pyarrow here")


def main() -> None:
    command = [os.environ["HAULAGE_ORIGIN"], "--listen", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            download(server.stdout.readline().strip().rstrip("/"), folder)
        finally:
            server.kill()
    print("three flags, twice")


if __name__ == "__main__":
    main()
