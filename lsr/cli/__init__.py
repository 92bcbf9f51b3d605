"""The command line: verbs of the field. Each module holds the commands of one room; what they do is in workflow.

Commands import what they need when they run: `lsr --help` and `lsr status` must not pay for pandas or matplotlib.
"""

from lsr.cli import (  # they register their commands
    agreement,
    bring,
    decisions,
    dedupe,
    export,
    extract,
    files,
    judge,
    link,
    make,
    pool,
    results,
    screen,
    show,
    survival,
)
from lsr.cli.app import app

__all__ = [
    "agreement",
    "app",
    "bring",
    "decisions",
    "dedupe",
    "export",
    "extract",
    "files",
    "judge",
    "link",
    "make",
    "pool",
    "results",
    "screen",
    "show",
    "survival",
]
