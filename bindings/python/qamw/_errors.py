"""What goes wrong."""

from typing import Dict, Type


class Error(Exception):
    """A failure of the library. `code` is its class in one word, as "checksum_mismatch"."""

    code = "io"


class NotFoundError(Error, FileNotFoundError):
    """There is no such file."""

    code = "not_found"


class InvalidArgumentError(Error, ValueError):
    """The call makes no sense for this tensor or file."""

    code = "invalid_argument"


class DamagedError(Error):
    """The file breaks a rule of the format, is cut short, or its bytes have changed: `code` says which."""

    code = "malformed"


CODES = {
    1: "invalid_argument", 2: "not_found", 3: "io", 4: "malformed", 5: "truncated", 6: "checksum_mismatch", 7: "unsupported",
    8: "limit_exceeded",
}
_CLASSES: Dict[str, Type[Error]] = {
    "invalid_argument": InvalidArgumentError, "not_found": NotFoundError, "malformed": DamagedError, "truncated": DamagedError,
    "checksum_mismatch": DamagedError,
}


def error(status: int, message: str) -> Error:
    """The exception of a status of qamw.h."""
    code = CODES.get(status, "io")
    made = _CLASSES.get(code, Error)(message)
    made.code = code
    return made
