"""Exceptions."""

from typing import Dict, Type


class Error(Exception):
    """A failure of the library. `code` is its kind in one word, such as "checksum_mismatch"."""

    code = "io"


class NotFoundError(Error, FileNotFoundError):
    """The file does not exist."""

    code = "not_found"


class InvalidArgumentError(Error, ValueError):
    """The call is not valid for this tensor or file."""

    code = "invalid_argument"


class DamagedError(Error):
    """The file violates the format, is truncated, or has changed bytes: see `code`."""

    code = "malformed"


class CannotCreateError(Error, FileExistsError):
    """The output exists or is an input, or there is no folder or no space."""

    code = "cannot_create"


CODES = {
    1: "invalid_argument", 2: "not_found", 3: "io", 4: "malformed", 5: "truncated", 6: "checksum_mismatch", 7: "unsupported",
    8: "limit_exceeded", 9: "cannot_create", 10: "interrupted",
}
_CLASSES: Dict[str, Type[Error]] = {
    "invalid_argument": InvalidArgumentError, "not_found": NotFoundError, "malformed": DamagedError, "truncated": DamagedError,
    "checksum_mismatch": DamagedError, "cannot_create": CannotCreateError,
}


def error(status: int, message: str) -> Error:
    """The exception for a status of qamw.h."""
    code = CODES.get(status, "io")
    made = _CLASSES.get(code, Error)(message)
    made.code = code
    return made
