from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from urlrequest import Headers
from urlrequest._http.fields import read_fields
from urlrequest._http.request_head import encode_head
from urlrequest._http.response_head import parse_head

# A busy machine is no failure.

tokens = st.text(st.sampled_from("aAbB-_1!~"), min_size=1, max_size=4)
values = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=8).map(
    lambda text: text.strip(" \t")
)
fields = st.lists(st.tuples(tokens, values), max_size=12)


def grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """The single values of each name in lower case: what a Headers must know."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


@given(fields)
def test_11_1_headers_know_all(pairs: list[tuple[str, str]]) -> None:
    """Contract 11.1: whatever fields come, each is found by any spelling, alone and joined, and none is made up."""
    headers, model = Headers(pairs), grouped(pairs)

    assert len(model) == len(headers)
    assert list(model) == [name.lower() for name in headers]
    for name, single in model.items():
        for spelling in (name, name.upper(), name.title()):
            assert single == headers.get_all(spelling)
            assert ", ".join(single) == headers[spelling]
            assert spelling in headers


@given(fields)
def test_11_1_round_trips(pairs: list[tuple[str, str]]) -> None:
    """Contract 11.1: pickling, copying and taking apart lose nothing."""
    headers = Headers(pairs)

    pickled = pickle.loads(pickle.dumps(headers))  # noqa: S301 - our own octets
    for other in (pickled, headers.copy(), Headers(headers.fields()), Headers(headers)):
        assert list(headers.fields()) == list(other.fields())
        assert headers == other


@given(fields)
def test_what_is_sent_is_what_is_read(pairs: list[tuple[str, str]]) -> None:
    """The fields that a request sends are those that a strict reader gets, in order and octet for octet."""
    given_fields, _ = read_fields(pairs, "req_headers")
    octets = encode_head("GET", "/", given_fields).replace(b"GET / HTTP/1.1", b"HTTP/1.1 200 OK", 1)

    assert Headers(pairs) == parse_head(octets).headers
    assert pairs == given_fields


@given(
    fields, st.lists(st.tuples(st.sampled_from(["set", "del", "add", "pop", "update", "setdefault"]), tokens, values))
)
def test_11_1_operations_in_any_order(pairs: list[tuple[str, str]], operations: list[tuple[str, str, str]]) -> None:
    """Contract 11.1: however fields are added, set and deleted, a Headers and a plain model agree."""
    headers, model = Headers(pairs), grouped(pairs)
    for operation, name, value in operations:
        key = name.lower()
        if operation == "set":
            headers[name] = value
            model[key] = [value]
        elif operation == "add":
            headers.add(name, value)
            model.setdefault(key, []).append(value)
        elif operation == "update":
            headers.update({name: value})
            model[key] = [value]
        elif operation == "setdefault":
            assert ", ".join(model.setdefault(key, [value])) == headers.setdefault(name, value)
        elif operation == "pop":
            expected = model.pop(key, None)
            assert (None if expected is None else ", ".join(expected)) == headers.pop(name, None)
        elif name in headers:
            del headers[name]
            del model[key]

    assert model == grouped(list(headers.fields()))
    assert len(model) == len(headers)
