"""The straight line of one request, from its options to its outcome, without threads or callbacks.

To be read from `perform` on, in the order of the call: `prepare` (with `options`, `plan` and `proxies`), `exchange`
(with `pool` and `authentication`), `receive` (with `progress`). `observer` says what the engine wants of those who use
it; `netrc_auth` is for users. Numbered invariants: POOL, EXCHANGE, RECEIVE.
"""
