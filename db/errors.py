"""What can go wrong, as names. Only lsr/ turns them into a line for the user.

ReviewError                 anything a user can mend; its text says what, where, and what to do
├── ReviewFolderError       the folder is missing, read-only, newer than this program, or no review
├── ProtocolError           protocol.toml is wrong; carries every fault, not the first
├── InputError              a file, a sheet or a value given by the user is wrong
├── SourceError             a source could not be searched whole; nothing of the run is kept
├── DecisionError           a vote, resolution or extraction that the protocol does not allow
└── IntegrityError          the ledger, a table or the archive is not what it was
"""


class ReviewError(Exception):
    """Anything a user can mend: the text is one line that says what is wrong, where, and what to do."""


class ReviewFolderError(ReviewError):
    """The review folder is missing, read-only, made by a newer program, or no review at all."""


class ProtocolError(ReviewError):
    """The protocol cannot be used; `faults` names every fault with its key and line."""

    def __init__(self, path: str, faults: list[str]) -> None:
        self.faults = faults
        count = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
        super().__init__(f"{path}: {count}: {'; '.join(faults)}")


class InputError(ReviewError):
    """A file, a sheet or a value given by the user is wrong."""


class SourceError(ReviewError):
    """A source could not be searched whole; nothing of the run is kept."""


class DecisionError(ReviewError):
    """A vote, a resolution, a link or an extraction that the protocol or the review's state refuses."""


class IntegrityError(ReviewError):
    """The ledger, a typed table or the archive is not what was written."""
