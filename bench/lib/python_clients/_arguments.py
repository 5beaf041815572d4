"""What every script here is called with."""

import argparse
from pathlib import Path


def parse(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("listing", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    options.urls = options.listing.read_text().splitlines()
    return options
