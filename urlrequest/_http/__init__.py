"""The rules of HTTP as pure functions and values: no sockets, no threads, no files.

Read in this order: `headers` and `fields` (what messages are made of), `target` (the URL; `idna`), `request_head` and
`auth` (what is sent), `response_head` and `framing` (what is received), then what is decided from it: `redirect`,
`retry`, `ranges`, `cookies` (made of `cookie`; `cookie_file`, `foreign_cookie_jar`); `challenges` and `digest` are for
servers that ask for credentials.

Invariants: HEAD, TARGET, REDIRECT, COOKIE, COOKIES, CHALLENGE, DIGEST.
"""
