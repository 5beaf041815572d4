"""Runs one of the commands in `bench/commands`; without arguments, lists them."""

import argparse
import importlib
import pkgutil
import subprocess
import sys

from bench import commands
from bench.lib.errors import BenchError


def modules():
    """Returns the commands by name; the file `fault_table.py` is the command `fault-table`."""
    found = (each.name for each in pkgutil.iter_modules(commands.__path__))
    return {name.replace("_", "-"): importlib.import_module(f"bench.commands.{name}") for name in found}


def one_line_each(prog):
    return argparse.HelpFormatter(prog, max_help_position=22, width=100)


def parser(known):
    made = argparse.ArgumentParser(
        prog="python3 -m bench", formatter_class=one_line_each,
        description="Measures and tests haul; bench/README.md is the manual.",
    )
    below = made.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, module in known.items():
        summary = module.__doc__.splitlines()[0]
        command = below.add_parser(
            name, help=summary, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
    return made


def main():
    known = modules()
    made = parser(known)
    arguments = made.parse_args()
    if arguments.command is None:
        made.print_help()
        return 0
    try:
        return known[arguments.command].run(arguments)
    except (OSError, subprocess.SubprocessError, BenchError) as error:
        sys.exit(f"bench {arguments.command}: {error}")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
