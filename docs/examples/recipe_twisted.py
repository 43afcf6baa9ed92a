"""A request in a Twisted program: a hook of six lines brings the callbacks into the reactor."""

import sys

from twisted.internet import reactor

from urlrequest import UrlRequest, install
from urlrequest.hooks import Hook


class TwistedHook(Hook):
    """Runs callbacks in Twisted's reactor, whichever it is."""

    def wakeup(self) -> None:
        """Make the reactor call `run()`."""
        reactor.callFromThread(self.run)


if __name__ == "__main__":
    install(TwistedHook())
    UrlRequest(
        sys.argv[1],
        on_success=lambda request, _: print(len(request.content), "bytes"),
        on_error=lambda _, error: print(error),
        on_finish=lambda _: reactor.stop(),
    )
    reactor.run()
