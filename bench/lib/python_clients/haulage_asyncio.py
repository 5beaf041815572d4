"""haulage with `async for`: each outcome is looked at."""

import asyncio

import _arguments
import haulage


async def main(options):
    failed = 0
    run = haulage.download(options.urls, options.out, jobs=options.connections, per_host=options.connections)
    async for outcome in run:
        failed += not outcome.ok
    return 1 if failed else 0

raise SystemExit(asyncio.run(main(_arguments.parse(__doc__))))
