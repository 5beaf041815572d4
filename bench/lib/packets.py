"""What crosses the near end of a link: tcpdump's file of each run, and a table of its TCP connections in round trips."""

import contextlib
import signal
import struct
import subprocess
from dataclasses import dataclass, field

from bench.lib.server import needs

# As much of each packet as its headers take at most.
HEADERS = 120
RAW_IP, TCP = 101, 6
SYN, ACK = 0x02, 0x10


@dataclass
class Connection:
    """When, in seconds since the first SYN, what happened; `None` where it did not."""

    opened: float
    answered: float = None
    # Each time that the client sent data after the server had: over HTTP/1.1 a request each.
    sent: list = field(default_factory=list)
    first_data: float = None
    last_data: float = None
    bytes: int = 0
    # Packets of data that came after one that follows them in the stream.
    late: int = 0
    highest: int = None

    def client_sends(self, at):
        if not self.sent or self.last_data is not None and self.last_data > self.sent[-1]:
            self.sent.append(at)

    def server_sends(self, at, sequence, length):
        self.first_data = at if self.first_data is None else self.first_data
        self.last_data = at
        self.bytes += length
        # Sequence numbers begin again at 2^32.
        ahead = 1 if self.highest is None else (sequence + length - self.highest + 2**31) % 2**32 - 2**31
        if ahead > 0:
            self.highest = (sequence + length) % 2**32
        else:
            self.late += 1


@contextlib.contextmanager
def captured(path, wan):
    """Saves the headers of all packets at the near end to `path` for as long as the context lasts."""
    # Without the last two options, packets of the last moments would be missing.
    options = ["-i", "wan0", "-s", str(HEADERS), "-B", "65536", "--immediate-mode", "-U"]
    command = [*wan.inside(wan.near), needs("tcpdump", "tcpdump"), *options, "-w", path]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        # "tcpdump: listening on wan0, …"
        while "listening on" not in process.stderr.readline():
            if process.poll() is not None:
                break
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def connections(path):
    """Reads the file; returns the connections in the order in which they were opened."""
    found, start = {}, None
    for at, packet in packets(path):
        if packet[0] >> 4 != 4 or packet[9] != TCP:
            continue
        header = (packet[0] & 15) * 4
        length = struct.unpack_from(">H", packet, 2)[0]
        source, target, sequence = struct.unpack_from(">HHI", packet, header)
        data, flags = length - header - (packet[header + 12] >> 4) * 4, packet[header + 13]
        sender, receiver = (packet[12:16], source), (packet[16:20], target)
        if flags & (SYN | ACK) == SYN:
            start = at if start is None else start
            found.setdefault((sender, receiver), Connection(at - start))
        elif one := found.get((sender, receiver)):
            if data:
                one.client_sends(at - start)
        elif one := found.get((receiver, sender)):
            if flags & SYN:
                one.answered = at - start
            elif data:
                one.server_sends(at - start, sequence, data)
    return list(found.values())


def packets(path):
    """Yields the time of each packet, in seconds, and its first bytes."""
    content = path.read_bytes()
    if len(content) < 24 or struct.unpack_from("<I", content, 20)[0] != RAW_IP:
        return
    at = 24
    while at + 16 <= len(content):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", content, at)
        yield seconds + micros / 1e6, content[at + 16:at + 16 + kept]
        at += 16 + kept


def table(path, round_trip):
    """Returns a Markdown table of the connections, with times in round trips of so many seconds."""
    trips = lambda at: "" if at is None else f"{at / round_trip:.1f}"  # noqa: E731
    lines = ["| connection | SYN | SYN-ACK | data sent at | first byte | last byte | MiB | late packets |",
             "|--:|--:|--:|:--|--:|--:|--:|--:|"]
    for number, one in enumerate(connections(path), 1):
        sent = ", ".join(map(trips, one.sent[:12])) + (f", … ({len(one.sent)} in all)" if len(one.sent) > 12 else "")
        lines.append(f"| {number} | {trips(one.opened)} | {trips(one.answered)} | {sent} | {trips(one.first_data)} "
                     f"| {trips(one.last_data)} | {one.bytes / 2**20:.2f} | {one.late} |")
    return "\n".join(lines) + "\n"
