"""aioaria2, over HTTP and over a WebSocket."""

import asyncio

import aioaria2
from _session import PATIENCE, arguments, check

port, secret, slow, missing = arguments()
heard = []


async def note(_client, data):
    heard.append((data["method"].removeprefix("aria2.onDownload"), data["params"][0]["gid"]))


async def until(is_true, what):
    async with asyncio.timeout(PATIENCE):
        while not await is_true():
            await asyncio.sleep(0.05)
    check(what, True)


async def notified(gid, *kinds):
    async def all_are_there():
        return [what for what, about in heard if about == gid] == list(kinds)
    await until(all_are_there, f"aioaria2: notifications {', '.join(kinds)}")


async def use(client, other):
    """Uses a client over a WebSocket, and one over HTTP."""
    for kind in ("Start", "Pause", "Stop", "Complete", "Error"):
        getattr(client, f"onDownload{kind}")(note)

    async def has(gid, status):
        return (await client.tellStatus(gid, ["status"]))["status"] == status

    async def has_bytes():
        return int((await other.tellStatus(whole))["completedLength"]) > 0

    check("aioaria2: version", "version" in await client.getVersion())
    failing = await client.addUri([missing])
    await notified(failing, "Start", "Error")
    check("aioaria2: error with its code", (await client.tellStatus(failing))["errorCode"] == "3")
    whole = await other.addUri([slow], {"out": "whole.bin", "max-download-limit": "1M"})
    await until(has_bytes, "aioaria2: progress")
    await client.pause(whole)
    await until(lambda: has(whole, "paused"), "aioaria2: paused")
    check("aioaria2: options are set", await client.changeOption(whole, {"max-download-limit": "0"}) == "OK")
    check("aioaria2: options are returned", (await other.getOption(whole))["out"] == "whole.bin")
    gids = [await client.addUri([slow], {"out": f"{n}.bin", "pause": "true"}, position=0) for n in range(3)]
    check("aioaria2: positions", await client.changePosition(gids[0], -2, "POS_CUR") == 0)
    order = [each["gid"] for each in await other.tellWaiting(0, 9, ["gid"])]
    check("aioaria2: order", order == [gids[0], gids[2], gids[1], whole], order)
    calls = [{"methodName": "aria2.tellStatus", "params": [gid, ["status"]]} for gid in gids]
    check("aioaria2: multicall", await client.multicall(calls) == [[{"status": "paused"}]] * 3)
    await client.unpause(whole)
    await until(lambda: has(whole, "complete"), "aioaria2: complete")
    await notified(whole, "Start", "Pause", "Start", "Complete")
    gids.append(await client.addUri([slow], {"out": "removed.bin", "max-download-limit": "1K"}))
    await notified(gids[-1], "Start")
    check("aioaria2: remove", [await client.remove(gid) for gid in gids] == gids)
    await notified(gids[-1], "Start", "Stop")
    await other.purgeDownloadResult()
    check("aioaria2: purge", await other.tellStopped(0, 9) == [])
    await client.changeGlobalOption({"max-concurrent-downloads": "7"})
    check("aioaria2: global options", (await other.getGlobalOption())["max-concurrent-downloads"] == "7")
    check("aioaria2: statistics", (await client.getGlobalStat())["numActive"] == "0")
    check("aioaria2: shutdown", await client.shutdown() == "OK")


async def main():
    url = f"http://127.0.0.1:{port}/jsonrpc"
    async with aioaria2.Aria2HttpClient(url, token="wrong") as stranger:
        try:
            await stranger.getVersion()
            check("aioaria2: a wrong secret is refused", False, "it was answered")
        except aioaria2.Aria2rpcException as error:
            check("aioaria2: a wrong secret is refused", "Unauthorized" in str(error), error)
    async with (
        aioaria2.Aria2HttpClient(url, token=secret) as other,
        await aioaria2.Aria2WebsocketClient.new(url, token=secret) as client,
    ):
        await use(client, other)


asyncio.run(main())
