"""Sockets whose every wait can be ended, and TLS over them. Nothing here knows HTTP.

Reading order: `cancel_scope`, where a request waits (SCOPE-1); `resolver` and `connect`, from a name to a connected
socket; `stream`, bytes out and in (STREAM-1, STREAM-2); `socks`; `tls_settings`, and with the first https request
`tls_contexts`, `tls_handshake`, `tls_sessions`, `tls_in_memory` (MEMORY-1, MEMORY-2), `tls_errors`. `route` says what
tells connections apart.
"""
