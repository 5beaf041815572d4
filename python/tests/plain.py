"""What a new user does first, in an environment with nothing but the wheel; no pytest."""

import asyncio
import os
import subprocess
import tempfile

import haulage

ORIGIN = os.environ["HAULAGE_ORIGIN"]


def download(base: str, folder: str) -> None:
    urls = [f"{base}/data/flags/{code}/{code}.gif" for code in ("cn", "in", "us")]
    outcomes = list(haulage.download(urls, folder, jobs=2, progress=True))
    assert [outcome.status for outcome in outcomes] == ["done"] * 3, outcomes
    assert all(outcome.file.read_bytes()[:3] == b"GIF" for outcome in outcomes if outcome.file)

    async def again() -> haulage.Summary:
        return await haulage.download(urls, folder)

    assert asyncio.run(again()).skipped == 3
    try:
        haulage.download_table([], dest=folder)
    except ModuleNotFoundError as error:
        assert "pyarrow" in str(error), error


with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen([ORIGIN, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        download("http" + line.split("http", 1)[1].split()[0].rstrip("/"), folder)
    finally:
        server.kill()
print("three flags, twice")
