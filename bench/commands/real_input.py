"""Downloads 20,201 files of all sizes, and checks them and haul's memory.

One list, three times: over HTTP/1.1, HTTP/2, and HTTP/1.1 over TLS. The exit status is 1 if a file differs, or
the peak memory reaches 40 MiB.
"""

import sys

from bench.lib import clients, files, measure, options
from bench.lib.server import Server

PEAK_MIB = 40
SERVED = {"plain": "HTTP/1.1", "h2": "HTTP/2 over TLS", "tls": "HTTP/1.1 over TLS"}


def add_arguments(parser):
    options.haul(parser)
    parser.add_argument("--files", type=options.positive, metavar="N",
                        help="at most N files of each kind, for a quick look")
    options.work(parser)


def fetch(haul, server, scheme, paths, folder, same):
    """One run with haul's own defaults; the faults found, and a row for the table."""
    run = folder / scheme
    out = run / "out"
    out.mkdir(parents=True)
    listing = run / "list"
    listing.write_text("".join(f"{server.url(scheme, path)}\n" for path in paths))
    command = [haul.program, "-i", listing, "-d", out]
    if scheme != "plain":
        command += ["--cacert", server.cert]
    use = measure.run(command, folder=run, home=run, log=run / "log")
    check = files.check(server.root, paths, out, same)
    faults = []
    if use.status != 0:
        faults.append(f"exit status {use.status}")
    if not check.all_right:
        faults.append(f"files: {check}")
    if faults:
        faults += (run / "log").read_text(errors="replace").strip().splitlines()[-5:]
    if use.peak_mib >= PEAK_MIB:
        faults.append(f"peak memory {use.peak_mib:.1f} MiB, {PEAK_MIB} MiB or more")
    row = f"| {SERVED[scheme]} | {use.wall:.1f} | {use.cpu:.1f} | {use.peak_mib:.1f} | {check} |"
    files.remove(run)
    return [f"{SERVED[scheme]}: {fault}" for fault in faults], row


def run(arguments):
    haul = clients.Haul(arguments.haul)
    if haul.missing:
        raise FileNotFoundError(haul.missing)
    sets = [each.at_most(arguments.files) for each in files.SETS.values()]
    paths = [path for each in sets for path in each.paths()]
    same = files.Sums().same
    faults = []
    with files.work_folder(arguments.work, 2 * sum(each.bytes for each in sets)) as folder:
        root = folder / "root"
        with Server(root, folder) as server:
            for each in sets:
                print(f"making {each.count} files for {each.name}", file=sys.stderr)
                each.create(root)
            print(f"{haul.version()}, default flags, one list of {len(paths):,} files\n")
            print("| served as | wall s | CPU s | peak MiB | files |\n|:--|--:|--:|--:|:--|", flush=True)
            for scheme in SERVED:
                found, row = fetch(haul, server, scheme, paths, folder, same)
                faults += found
                print(row, flush=True)
    for fault in faults:
        print(f"bench real-input: {fault}", file=sys.stderr)
    return 1 if faults else 0
