"""`python -m urlrequest`: the command."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - from a checkout it may be started by any Python
    sys.exit(f"urlrequest needs Python 3.10 or newer; this is {sys.version.split()[0]}")

from ._cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
