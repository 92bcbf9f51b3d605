"""The command's way in and out: errors become one line on stderr, exit 1; a traceback is a bug."""

from __future__ import annotations

import io
import os
import sys

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Run `lsr`. Exit 0 done, 1 failed (one line says why), 2 wrong usage, 130 interrupted."""
    from lsr.cli import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a dash that a terminal cannot show is no reason to fail
    try:
        app(prog_name="lsr")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's, which says nothing
            _say("interrupted: nothing half-done was kept", INTERRUPTED)
        raise
    except KeyboardInterrupt:
        sys.exit(_say("interrupted: nothing half-done was kept", INTERRUPTED))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away: no complaint at exit
        sys.exit(1)
    except Exception as error:
        sys.exit(_fail(error))


def _fail(error: Exception) -> int:
    from db.errors import ReviewError

    if isinstance(error, ReviewError):
        return _say(str(error), 1)
    if os.environ.get("LSR_DEBUG"):
        raise error
    return _say(
        f"a fault in lsr itself ({type(error).__name__}: {error}): please report it; LSR_DEBUG=1 shows where", 1
    )


def _say(message: str, code: int) -> int:
    from lsr.cli.common import clean

    print("lsr: " + clean(" ".join(message.split())), file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
