"""Events of requests on their way to the dispatch thread.

It owns what a request has to report (`events`), its state and who decides its outcome (`lifecycle`), its undelivered
events (`mailbox`), the requests that have some (`queue`), and the threads and tasks that wait (`waiting`, `awaiting`).
Read it in this order. Invariants: LIFECYCLE, QUEUE, MAILBOX.
"""
