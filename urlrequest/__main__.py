"""`python -m urlrequest`: the command."""

import sys

from ._cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
