"""What a program holds, `UrlRequest` and `Session`, and the `Call` behind each request.

Read `request` first, then `call`, which does the work; `callbacks`, `response_attributes` and `thread_facade` are the
parts of a request's interface. `session` and `shared` are what requests have in common, `active` all that are
unfinished, `exit_and_fork` what happens to them at the end of the process and in a forked child. Invariants: CALL.
"""
