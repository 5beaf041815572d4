"""The options that several commands share."""

import argparse
from pathlib import Path

from bench import ROOT

BUILD = ROOT / "target/release"


def haul(parser):
    parser.add_argument("--haul", type=absolute, default=BUILD / "haul", metavar="PATH",
                        help="haul's binary (default: target/release/haul)")


def before(parser):
    parser.add_argument("--vs", type=absolute, metavar="PATH",
                        help="a second haul, such as that of the commit before, as the client haul-before")


def origin(parser):
    parser.add_argument("--origin", type=absolute, default=BUILD / "origin", metavar="PATH",
                        help="the test server's binary (default: target/release/origin)")


def work(parser):
    parser.add_argument("--work", metavar="DIR",
                        help="where to put the files (default: /dev/shm if it has room, else the temporary folder)")


def rounds(parser, default, what="how many rounds"):
    parser.add_argument("--rounds", type=positive, default=default, metavar="N", help=f"{what} (default: %(default)s)")


def seed(parser, what):
    parser.add_argument("--seed", type=int, metavar="S", help=f"{what} (default: a random one, which is printed)")


def several(parser, name, known, default=None, otherwise="all"):
    """Adds an option that takes some of `known`, separated by commas; `otherwise` describes the default."""
    parser.add_argument(name, type=names(known), default=default, metavar="A,B",
                        help=f"some of {', '.join(known)} (default: {otherwise})".replace("%", "%%"))


def names(known):
    """Returns a parser of names that are separated by commas, and of which each must be one of `known`."""

    def parse(text):
        chosen = list(dict.fromkeys(text.split(",")))
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return parse


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def absolute(text):
    """Returns the path from the root on, since most commands run haul in a folder of its own."""
    return Path(text).resolve()
