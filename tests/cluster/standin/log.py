"""Log as k3s does (logrus, text format), to standard error and so to the journal."""

import sys
import time


def info(message: str) -> None:
    """Log what happens."""
    _write("info", message)


def warning(message: str) -> None:
    """Log what may need a look."""
    _write("warning", message)


def error(message: str) -> None:
    """Log what failed."""
    _write("error", message)


class FatalError(Exception):
    """What ends the command; logged as k3s logs it, exit status 1."""


def fatal(message: str) -> None:
    """Log the last words."""
    _write("fatal", message)


def _write(level: str, message: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    quoted = message.replace("\\", "\\\\").replace('"', '\\"')
    print(f'time="{now}" level={level} msg="{quoted}"', file=sys.stderr, flush=True)
