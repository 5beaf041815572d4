"""Downloads twenty flags, four at once, with a bar, and says when each starts and ends."""
import sys

from tqdm import tqdm

import haulage

BASE = sys.argv[1] if len(sys.argv) > 1 else "http://flupy.org"
CODES = "cn in us id br pk ng bd ru jp mx ph vn et eg de ir tr cd fr".split()
def started(event):
    if event["event"] == "started":
        tqdm.write(f"start  {event['label']}")
run = haulage.download((f"{BASE}/data/flags/{cc}/{cc}.gif" for cc in CODES), "downloads", jobs=4, progress=started)
for outcome in tqdm(run, total=len(CODES), unit="flag"):
    tqdm.write(f"{outcome.status:6} {outcome.label}  {outcome.bytes} bytes")
print(f"{run.stats.done} flags in {run.stats.elapsed.total_seconds():.2f} s")
