"""aria2p, the library."""

import aria2p
from _session import arguments, check, until

port, secret, slow, missing = arguments()
api = aria2p.API(aria2p.Client(host="http://127.0.0.1", port=port, secret=secret))
stranger = aria2p.Client(host="http://127.0.0.1", port=port, secret="wrong")
heard = []


def note(what):
    return lambda _api, gid: heard.append((what, gid))


try:
    stranger.get_version()
    check("aria2p: a wrong secret is refused", False, "it was answered")
except aria2p.ClientException as error:
    check("aria2p: a wrong secret is refused", error.message == "Unauthorized", error)
api.listen_to_notifications(
    threaded=True, timeout=1, on_download_start=note("start"), on_download_pause=note("pause"),
    on_download_stop=note("stop"), on_download_complete=note("complete"), on_download_error=note("error"))
try:
    failing = api.add_uris([missing], {"out": "missing.bin"})
    until(lambda: failing.update() or failing.has_failed, "aria2p: error")
    check("aria2p: code of the error", failing.error_code == "3", failing.error_code)
    # The listener connects in a thread of its own, at any time.
    until(lambda: api.add_uris([missing]) and "error" in dict(heard), "aria2p: notifications arrive")
    whole = api.add_uris([slow], {"out": "whole.bin", "max-download-limit": "1M"})
    until(lambda: whole.update() or whole.completed_length > 0, "aria2p: progress")
    check("aria2p: active", whole.is_active and whole.total_length > whole.completed_length, whole.status)
    check("aria2p: pause", api.pause([whole]) == [True])
    until(lambda: whole.update() or whole.is_paused, "aria2p: paused")
    check("aria2p: options are set", api.set_options({"max-download-limit": "0", "split": "2"}, [whole]) == [True])
    options = api.get_options([whole])[0]
    check("aria2p: options are returned", (options.split, options.get("out")) == (2, "whole.bin"), options.split)
    waiting = [api.add_uris([slow], {"out": f"waiting-{number}.bin", "pause": "true"}) for number in range(3)]
    order = [whole.gid, *(each.gid for each in waiting)]
    check("aria2p: positions", api.move_to_top(waiting[2]) == 0 and api.move_down(waiting[2]) == 1)
    expected = [order[0], order[3], order[1], order[2]]
    found = [each["gid"] for each in api.client.tell_waiting(0, 9, ["gid"])]
    check("aria2p: order", found == expected, found)
    check("aria2p: resume", api.resume([whole]) == [True])
    until(lambda: whole.update() or whole.is_complete, "aria2p: complete")
    until(lambda: ("complete", whole.gid) in heard, "aria2p: complete is notified")
    kinds = [what for what, gid in heard if gid == whole.gid]
    check("aria2p: notifications in order", kinds == ["start", "pause", "start", "complete"], kinds)
    check("aria2p: remove", api.remove(waiting) == [True] * 3)
    check("aria2p: purge", api.purge() and not api.get_downloads(), api.get_downloads())
    api.set_global_options({"max-concurrent-downloads": "7"})
    check("aria2p: global options", api.get_global_options().max_concurrent_downloads == 7)
    check("aria2p: statistics", api.get_stats().num_active == 0)
finally:
    api.stop_listening()
check("aria2p: shutdown", api.client.shutdown() == "OK")
