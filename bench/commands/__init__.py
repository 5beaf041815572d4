"""One module for each command, with `add_arguments(parser)` and `run(arguments)`, which returns the exit status.

The first line of a module's docstring is what `python3 -m bench` prints for it.
"""
