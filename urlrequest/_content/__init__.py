"""Bodies: those that are sent, and where received ones go. Workers only; an open file belongs to one request.

Read in this order: `text` (charset, JSON, binary types), `body`, `form` and `multipart` (what is sent),
`known_encodings` and `decoder` (content codings), `checksum`, then the destinations: `sinks` (memory), `file_sink`,
`resumable_file`, `chunk_sink`.

Invariants: DECODER, FILE, PART.
"""
