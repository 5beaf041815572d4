"""haulage with `for`: each outcome is looked at."""

import _arguments
import haulage

options = _arguments.parse(__doc__)
failed = 0
run = haulage.download(options.urls, options.out, jobs=options.connections, per_host=options.connections)
for outcome in run:
    failed += not outcome.ok
raise SystemExit(1 if failed else 0)
