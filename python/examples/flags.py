"""Downloads twenty flags, four at once, with a bar, and says when each starts and ends."""
from sys import argv

from tqdm import tqdm

import haulage

CODES = "cn in us id br pk ng bd ru jp mx ph vn et eg de ir tr cd fr".split()
urls = [f"{(*argv, 'http://flupy.org')[1]}/data/flags/{cc}/{cc}.gif" for cc in CODES]
def tell(event):
    if event["event"] == "started":
        tqdm.write(f"start  {event['label']}")
for outcome in tqdm(run := haulage.download(urls, "downloads", jobs=4, progress=tell), unit="flag"):
    tqdm.write(f"{outcome.status:6} {outcome.label}  {outcome.bytes} bytes")
print(f"{run.stats.done} flags in {run.stats.elapsed.total_seconds():.2f} s")
