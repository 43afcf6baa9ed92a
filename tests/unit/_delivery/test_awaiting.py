"""Awaiting the end of a request, without a request."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from urlrequest._delivery.awaiting import await_end
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._delivery.mailbox import Mailbox
from urlrequest._delivery.queue import DispatchQueue


class Receiver:
    """A request whose one event is its end."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self.threads: list[int] = []
        self.mailbox = Mailbox(self, DispatchQueue(lambda: None))

    def has_callback(self) -> bool:
        return True

    def deliver_outcome(self) -> None:
        self.mailbox.is_ending = True
        self.threads.append(threading.get_ident())

    def deliver_progress(self, run: Any, most: int, until: float | None) -> int:
        raise NotImplementedError

    def deliver_chunk(self, chunk: bytes) -> None:
        raise NotImplementedError

    def publish_outcome(self) -> bool:
        raise NotImplementedError

    def settle(self) -> None:
        self.lifecycle.is_settled = True
        self.mailbox.post_outcome()

    def cancel(self) -> bool:
        is_first = self.lifecycle.cancel()
        self.mailbox.post_outcome()
        return is_first


def test_17_8_the_end_is_delivered_on_the_loop() -> None:
    """Contract 17.8: the task that awaits is woken from another thread, and delivers on the loop's."""
    receiver = Receiver()
    worker = threading.Thread(target=receiver.settle)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(worker.start)
        await await_end(receiver.mailbox, receiver.cancel)

    asyncio.run(main())
    worker.join()

    assert [threading.get_ident()] == receiver.threads
    assert receiver.mailbox.is_over
    assert not receiver.mailbox._subscriptions


def test_17_8_after_the_end_at_once() -> None:
    """Contract 17.8: awaiting what is over returns without a turn of the loop."""
    receiver = Receiver()
    receiver.settle()
    receiver.mailbox.deliver_all()
    steps = await_end(receiver.mailbox, receiver.cancel)

    async def main() -> None:
        with pytest.raises(StopIteration):
            steps.send(None)

    asyncio.run(main())


def test_17_8_a_cancelled_task_cancels_and_delivers() -> None:
    """Contract 17.8: cancelling the task cancels the request, whose last callbacks run before the task ends."""
    receiver = Receiver()

    async def main() -> None:
        task = asyncio.ensure_future(await_end(receiver.mailbox, receiver.cancel))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [threading.get_ident()] == receiver.threads

    asyncio.run(main())

    assert receiver.lifecycle.is_cancelled


def test_17_8_without_a_loop() -> None:
    """Contract 17.8: outside a loop there is nothing that could await."""
    receiver = Receiver()
    with pytest.raises(RuntimeError, match="no running event loop"):
        await_end(receiver.mailbox, receiver.cancel).send(None)
