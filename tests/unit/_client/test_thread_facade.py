"""What a request shows of a Thread."""

from __future__ import annotations

import pytest

from urlrequest._client.thread_facade import ThreadFacade
from urlrequest._delivery.lifecycle import Flag


def test_119_ctrl_c_as_a_join_ends_keeps_no_other_from_ending() -> None:
    """Faults 119: Ctrl-C that comes when a joining thread has just taken the bell leaves it to the next to join."""

    class Interrupted(Flag):
        def wait_to_set(self, timeout: float | None) -> bool:
            request._end()
            assert super().wait_to_set(timeout)
            raise KeyboardInterrupt

    request = ThreadFacade("request")
    request._bell = Interrupted(is_set=True)

    with pytest.raises(KeyboardInterrupt):
        request.join()
    assert not request._bell.is_set()


def test_2_2_a_join_that_took_too_long_leaves_the_bell() -> None:
    """Contract 2.2: a join that ends before the request does lets no other one go on."""
    request = ThreadFacade("request")
    request.join(0)

    assert (True, True) == (request.is_alive(), request._bell.is_set())
