"""NetrcAuth: user and password of each host, from a netrc file.

The file is read again for each request, on the worker, so that a change counts at once.
"""

from __future__ import annotations

import netrc
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

__all__ = ["NetrcAuth"]


class NetrcAuth:
    """Credentials from a netrc file, for Basic authentication; pass it as `auth`.

    The entry of the request's host counts, else the file's `default`. A host without an entry gets no credentials. Nor
    does a host to which a redirect leads.
    """

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        """Keep the path.

        Args:
            path: The file; None: `.netrc` in the home directory, if there is one, which nobody else may read.
        """
        self._path = path

    def __repr__(self) -> str:
        return "<NetrcAuth>"

    def find_account(self, host: str) -> tuple[str, str] | None:
        """Return user and password for a host; None: the file has none. The engine calls it.

        Args:
            host: In lower case.
        Raises:
            OSError: The file cannot be read; without a path, a file that is missing is no error.
            ValueError: It is not a netrc file, or the home directory's may be read by others.
        """
        try:
            entries = netrc.netrc(None if self._path is None else os.fspath(self._path)).hosts
        except OSError as error:
            if self._path is None and isinstance(error, FileNotFoundError):
                return None
            text = f"the netrc file cannot be opened: {error.strerror}"
            raise OSError(error.errno, text, error.filename) from error
        except netrc.NetrcParseError as error:
            raise ValueError(f"the netrc file cannot be used: {_describe(error)}") from None
        name = host.removesuffix(".")
        entry = next((entries[key] for key in entries if key.lower() == name), None) or entries.get("default")
        return None if entry is None else (entry[0], entry[2] or "")


def _describe(error: Exception) -> str:
    """What is wrong, without a word of the file, as it may be a password."""
    message = str(getattr(error, "msg", ""))
    if message.startswith("~/.netrc"):  # who owns it, and who may read it
        return message
    return f"{getattr(error, 'filename', None)}, line {getattr(error, 'lineno', None)}, is not in the form of netrc"


NetrcAuth.__module__ = "urlrequest"  # where users find it
