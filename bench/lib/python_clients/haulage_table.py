"""haulage with an Arrow table in and out."""

import _arguments
import haulage
import pyarrow as pa
import pyarrow.compute as pc

options = _arguments.parse(__doc__)
table = haulage.download_table(
    pa.table({"url": options.urls}), dest=options.out, jobs=options.connections, per_host=options.connections
)
raise SystemExit(1 if pc.any(pc.equal(table["status"], "failed")).as_py() else 0)
