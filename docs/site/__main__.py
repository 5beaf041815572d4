"""Makes the site, and what the documents have that is generated."""

import argparse
import sys
from pathlib import Path

import build
import links
import programs
import reference
import terminal

COMMANDS = {"build": build, "links": links, "programs": programs, "reference": reference, "terminal": terminal}


def main():
    parser = argparse.ArgumentParser(prog="python3 docs/site", description=__doc__)
    below = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = below.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args()
    return arguments.run(arguments, Path(__file__).resolve().parents[2])


if __name__ == "__main__":
    sys.exit(main())
