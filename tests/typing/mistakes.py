"""What type checkers have to reject: each line is wrong, and its comment fails the check where nobody complains."""

from __future__ import annotations

from urlrequest import Session, UrlRequest


def takes_no_result(request: UrlRequest) -> None:
    print(request)


def takes_text(request: UrlRequest, result: str, more: str) -> None:
    print(request, result, more)


UrlRequest()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - there is no request without a URL
UrlRequest("example.com", takes_no_result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too few
UrlRequest("example.com", on_finish=takes_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too many
UrlRequest("example.com", chunk_size="8192")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number
UrlRequest("example.com").resp_status = 200  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - read only
Session().request("page", time_out=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - misspelt
Session().request("page", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number
Session().get("page", takes_no_result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too few
Session().post()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - there is no request without a URL
UrlRequest("example.com").ok = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - read only
UrlRequest("example.com").start(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - takes nothing
