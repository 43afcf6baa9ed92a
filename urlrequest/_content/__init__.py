"""Bodies: what is sent, and what becomes of what is received. Workers only; whatever is open belongs to one request.

Read in this order: `text` (charset, JSON, binary types), `body` and `multipart` (what is sent), `codings` and `decoder`
(content codings), `checksum`, then the destinations: `sinks` (memory), `file_sink`, `resumable_file`, `chunk_sink`.

Invariants: DECODER, FILE, PART.
"""
