"""What type checkers have to reject: each line is wrong, and its comment fails the check where nobody complains."""

from __future__ import annotations

from typing import Any

from urlrequest import Session, UrlRequest
from urlrequest.testing import MockNetwork


def takes_no_result(request: UrlRequest) -> None:
    print(request)


def takes_text(request: UrlRequest, result: str, more: str) -> None:
    print(request, result, more)


def takes_a_number(request: UrlRequest, error: int) -> None:
    print(request, error)


async def waits(request: UrlRequest, result: Any) -> None:
    print(request, result)


class OwnRequest(UrlRequest):
    pass


def takes_an_own_request(request: OwnRequest, result: Any) -> None:
    print(request, result)


UrlRequest()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - there is no request without a URL
UrlRequest("example.com", takes_no_result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too few
UrlRequest("example.com", on_finish=takes_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too many
UrlRequest("example.com", on_success=lambda request: None)  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType] - too few
UrlRequest("example.com", waits)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - nothing would await it
UrlRequest("example.com", on_error=takes_a_number)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] - no exception
UrlRequest("example.com", takes_an_own_request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - of another class
UrlRequest("example.com", on_finish=lambda request: request.nothing)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownLambdaType] - not there
UrlRequest("example.com", chunk_size="8192")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number
UrlRequest("example.com", req_body=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no bytes
UrlRequest("example.com", req_body=[1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - json= for JSON
UrlRequest("example.com", req_headers="A: b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a dict
UrlRequest("example.com", req_headers={"A": 1.5})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no text
UrlRequest("example.com", params=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a dict
UrlRequest("example.com", auth="user:password")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a pair
UrlRequest("example.com", auth=("user", None))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no password
UrlRequest("example.com", cookies=["a=b"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - text or a dict
UrlRequest("example.com", files={"a": 5})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType] - no file
UrlRequest("example.com", file_path=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no path
UrlRequest("example.com", ca_file=["ca.pem"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no path
UrlRequest("example.com", verify="ca.pem")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - ca_file is for that
UrlRequest("example.com", ssl_context=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no context
UrlRequest("example.com", client_cert=("a", "b", 3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no pass phrase
UrlRequest("example.com").resp_status = 200  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - read only
Session().request("page", time_out=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - misspelt
Session().request("page", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number
Session().get("page", takes_no_result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too few
Session().post()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - there is no request without a URL
UrlRequest("example.com").ok = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - read only
UrlRequest("example.com").on_success = waits  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue] - as above

Session(headers=["A"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] - pairs
Session(auth="user")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a pair
Session(cookies=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - text, a dict, a store or a jar
session = Session()
session.request()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - there is no request without a URL
session.request("page", takes_no_result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - too few
session.request("page", waits)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - nothing would await it
session.request("page", on_succes=print)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - misspelt
session.request("page", timeout="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number
session.request("page", low_speed=1000)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a pair
session.request("page", req_body=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no bytes

MockNetwork().get("https://example.com/", text="hello")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - body=
MockNetwork().post("https://example.com/", status="201")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a number

# The last line: what follows it is never reached.
UrlRequest("example.com").start(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - takes nothing
