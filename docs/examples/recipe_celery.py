"""Requests in a task of Celery's: the task waits, and each process of the worker has a session of its own."""

from celery import Celery

from urlrequest import Session

app = Celery("fetch", broker="redis://localhost", backend="redis://localhost")
session = Session(deadline=60)


@app.task(autoretry_for=(OSError,), retry_backoff=True, max_retries=3)
def size_of(url: str) -> int:
    """Fetch a URL; errors and statuses of 400 and more make Celery try again."""
    with session.get(url) as request:
        request.wait()
    return len(request.raise_for_status().content)
