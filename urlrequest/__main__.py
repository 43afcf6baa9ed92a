"""`python -m urlrequest`: the command."""

import sys

from urlrequest._cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
