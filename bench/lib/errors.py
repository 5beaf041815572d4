"""The error that ends a command with a message instead of a traceback."""


class BenchError(Exception):
    """Something that a command needs is missing or did not start."""


def built(program, option):
    """Returns the path of a binary that cargo has built; `option` names another one."""
    if not program.is_file():
        raise BenchError(f"{program} not found; run `cargo build --release`, or name another binary with {option}")
    return program
