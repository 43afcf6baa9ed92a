"""One connection that speaks HTTP/1.1: requests out, responses in.

Reading order: `connection`, which opens a connection and makes one exchange after the other; `request_writer`
(WRITER-1) and `response_reader` (READER-1, READER-2), which every exchange uses; `interim` (INTERIM-1, INTERIM-2), for
what a server sends before the final response; `tunnel`, for CONNECT.
"""
