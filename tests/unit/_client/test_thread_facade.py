"""What a request shows of a Thread."""

from __future__ import annotations

import pytest

from urlrequest._client.thread_facade import ThreadFacade
from urlrequest._concurrency.sync import Signal


def test_fault_119_ctrl_c_as_a_join_ends_keeps_no_other_from_ending() -> None:
    """Fault 119: Ctrl-C that comes when a joining thread has just noticed the end leaves it to the next to join."""

    class Interrupted(Signal):
        def wait(self, timeout: float | None) -> bool:
            request._end()
            assert super().wait(timeout)
            raise KeyboardInterrupt

    request = ThreadFacade("request")
    request._ended = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        request.join()
    assert Signal.wait(request._ended, 0)


def test_2_2_a_join_that_took_too_long_uses_nothing_up() -> None:
    """Contract 2.2: a join that ends before the request does lets no other one go on."""
    request = ThreadFacade("request")
    request.join(0)

    assert (True, False) == (request.is_alive(), request._ended.wait(0))
