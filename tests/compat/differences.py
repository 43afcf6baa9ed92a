"""The differences from Kivy 2.3.1, row by row as in section 19 of the contract, and what each of them does.

A row rewrites what was observed of Kivy into what the contract wants of us, in one respect and no other: from the rule
(`rules.py`) where there is one, else from the scenario's `want`. After the rows that a scenario names, and those
that hold everywhere, nothing may be left: `expected == observed`, in every part of the observation.

Invariants:
1. No row reads what was observed of ours.
2. A row says whether it was needed, by having changed something.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from compat.beyond import NO_KEY, RULES
from compat.rules import result_by_type, result_of
from compat.scenarios import KEEP, Event, Observation, Scenario, Sent, Want, value_of

__all__ = ["DIFFERENCES", "KEPT", "RULED", "Row", "explain"]

Rewrite = Callable[[Scenario, Observation], Observation]

EMPTY_STATUSES = (204, 304)


@dataclass(frozen=True)
class Row:
    """One difference.

    Attributes:
        text: The words of section 19.
        rewrite: Makes of Kivy's observation what the contract wants, in this respect.
        is_everywhere: Whether it applies to all scenarios, and not only where one names it.
    """

    text: str
    rewrite: Rewrite
    is_everywhere: bool = False


def explain(scenario: Scenario, kivy: Observation) -> tuple[Observation, tuple[str, ...]]:
    """Return what ours must be, and the texts of the rows that were needed to get there from Kivy's."""
    needed = []
    expected = kivy
    # The everywhere ones last: they change each request, those that other rows have made too.
    for row in sorted((*DIFFERENCES, *RULED), key=lambda row: row.is_everywhere):
        if row.is_everywhere or row.text in scenario.differs:
            rewritten = row.rewrite(scenario, expected)
            if rewritten != expected:
                needed.append(row.text)
            expected = rewritten
    return expected, tuple(needed)


# -- Parts of observations


def outcome(observation: Observation, want: Want) -> Observation:
    """Let the request end as wanted: the terminal callback with its arguments, on_finish, and the attributes."""
    if want.terminal is KEEP and want.result is KEEP and want.status is KEEP and want.progress is KEEP:
        return observation
    before = observation.terminal
    name = want.terminal if want.terminal is not KEEP else before.name if before else ""
    result = observation.result if want.result is KEEP else value_of(want.result)
    error = observation.error if want.error is KEEP else want.error
    status = observation.status if want.status is KEEP else want.status
    progress = observation.progress
    if want.progress is not KEEP:
        seen = progress[0].status if progress else 200
        progress = tuple(
            Event("progress", (value_of(current), value_of(total)), seen) for current, total in want.progress
        )
    arguments = {"error": (("error", error),), "cancel": ()}.get(name, (result,))
    finish = Event("finish", (), status, is_finished=True, result=result[0], error=error)
    events = [replace(finish, name=name, arguments=arguments), finish] if name else []
    fields, cookie = observation.fields, observation.cookie
    if want.fields is not KEEP:
        fields, cookie = want.fields, None if want.fields is None else dict(want.fields).get("Set-Cookie", "")
    return replace(
        observation,
        events=(*progress, *events),
        result=result,
        error=error,
        status=status,
        fields=fields,
        cookie=cookie,
        is_finished=True,
    )


def message(observation: Observation, want: Want) -> Observation:
    """Change the requests on the wire as wanted; where there is none yet, make one out of what all of them have."""
    if want.sent == 0:
        observation = facts(observation, Want(facts={"fault of the server": None}))
        return replace(observation, sent=(), connections=0 if want.connections is KEEP else want.connections)
    if all(part is KEEP for part in (want.target, want.method, want.version, want.header, want.body)):
        return observation
    sent = observation.sent or (_least_request(),)
    return replace(
        observation,
        sent=tuple(_change(request, want) for request in sent),
        connections=max(1, observation.connections),
    )


def _least_request() -> Sent:
    return Sent("GET /p HTTP/1.1", (("Accept-Encoding", "identity"), ("Host", "127.0.0.1:PORT")), b"")


def _change(sent: Sent, want: Want) -> Sent:
    method, target, version = sent.line.split(" ")
    if want.method is not KEEP:
        method = want.method
    if want.target is not KEEP:
        target = want.target
    if want.version is not KEEP:
        version = want.version
    fields = list(sent.fields)
    if want.body is not KEEP:
        fields = [field for field in fields if field[0] != "Transfer-Encoding"]
    for name, value in ({} if want.header is KEEP else want.header).items():
        fields = [field for field in fields if field[0] != name]
        fields += [] if value is None else [(name, line) for line in value.split("\n")]
    fields.sort(key=lambda field: field[0].lower())
    return Sent(f"{method} {target} {version}", tuple(fields), sent.body if want.body is KEEP else want.body)


def facts(observation: Observation, want: Want) -> Observation:
    """Change the facts that a drive noted, as wanted; those that are to be None are not there."""
    if want.facts is KEEP:
        return observation
    changed = {**observation.facts, **want.facts}
    return replace(observation, facts={name: fact for name, fact in changed.items() if fact is not None})


def files(observation: Observation, want: Want) -> Observation:
    """Let these files lie in the folder; a file that was there has kept its mode."""
    if want.files is KEEP:
        return observation
    modes = {name: mode for name, _, mode in observation.files}
    wanted = tuple((name, content, modes.get(name, "")) for name, content in want.files)
    return replace(observation, files=wanted)


# -- Rows


def wanted(*parts: Callable[[Observation, Want], Observation]) -> Rewrite:
    """Make a row that takes these parts from the scenario's want."""

    def rewrite(scenario: Scenario, observation: Observation) -> Observation:
        for part in parts:
            observation = part(observation, scenario.want)
        return observation

    return rewrite


def typed(rule: Callable[..., object]) -> Rewrite:
    """Make a row that gives the result the type that a rule says."""

    def rewrite(scenario: Scenario, observation: Observation) -> Observation:
        if not scenario.is_to_memory and observation.status == 200:
            return outcome(observation, Want(result=b""))  # Kivy: '' for JSON.
        if scenario.body is None or not scenario.is_to_memory or not observation.events:
            return observation
        result = rule(scenario.body, scenario.content_type, decode=scenario.options.get("decode", True))
        before = observation.terminal
        if before is None or (before.name == "error" and "UnicodeError" not in before.arguments[0]):
            return observation
        if (
            before.name == "error"
        ):  # Kivy's, of JSON that is not utf-8; without progress it forgets the response's head.
            head = Want(status=200, fields=scenario.want.fields)
            return outcome(observation, replace(head, terminal="success", result=result, error=""))
        return outcome(observation, Want(result=result))

    return rewrite


def no_file_but_success(scenario: Scenario, observation: Observation) -> Observation:
    """Leave the file alone unless the status is 2xx, and give the body as the result instead (12.1)."""
    observation = message(files(observation, scenario.want), scenario.want)
    if scenario.is_to_memory or scenario.body is None:
        return observation
    old = () if scenario.existing is None else (("target", scenario.existing),)
    if observation.status == 204 or scenario.options.get("method") == "HEAD":
        return files(observation, Want(files=old))  # No body, not an empty one (RFC 9110, section 6.4.1).
    if 200 <= (observation.status or 200) < 300:
        return observation
    result = result_of(scenario.body, scenario.content_type, decode=True)
    return files(outcome(observation, Want(result=result)), Want(files=old))


def final_status(scenario: Scenario, observation: Observation) -> Observation:
    """Call on_failure for 600 and above, which Kivy has no callback for; skip informational replies (3.3)."""
    if scenario.want.status == 200 and observation.status is not None and observation.status < 200:
        return outcome(observation, scenario.want)
    if observation.status is None or observation.status < 600 or observation.terminal is not None:
        return observation
    result = result_of(scenario.body or b"", scenario.content_type, decode=True)
    return outcome(observation, Want(terminal="failure", result=b"" if not scenario.is_to_memory else result))


def nothing_mutated(scenario: Scenario, observation: Observation) -> Observation:
    return replace(observation, mutated=(), read_back=())


def one_value_for_a_name(scenario: Scenario, observation: Observation) -> Observation:
    """Send the caller's fields, and join those received, whatever the spelling of their names."""
    observation = message(observation, scenario.want)
    if scenario.want.terminal is not KEEP:
        return outcome(observation, scenario.want)
    return observation if scenario.want.fields is KEEP else replace(observation, fields=scenario.want.fields)


def default_user_agent(scenario: Scenario, observation: Observation) -> Observation:
    """Add `User-Agent: urlrequest/<version>` where the caller has given none (10.4)."""
    import urlrequest

    if "user_agent" in scenario.options:
        return observation
    sent = [
        request
        if any(name.lower() == "user-agent" for name, _ in request.fields) or request.line.startswith("CONNECT")
        else _change(request, Want(header={"User-Agent": f"urlrequest/{urlrequest.__version__}"}))
        for request in observation.sent
    ]
    return replace(observation, sent=tuple(sent))


def keep_alive(scenario: Scenario, observation: Observation) -> Observation:
    """Keep connections, and ask a server (no proxy) how long it keeps them, unless the caller says more (17.10)."""
    sent = [
        request
        if any(name.lower() == "connection" for name, _ in request.fields) or " /" not in request.line
        else _change(request, Want(header={"Connection": "keep-alive"}))
        for request in observation.sent
    ]
    return connections(replace(observation, sent=tuple(sent)), scenario.want)


def content_codings(scenario: Scenario, observation: Observation) -> Observation:
    """Ask for content codings where the body goes to memory, decode is true and there is no progress (4.6)."""
    if GZIP in scenario.differs:
        observation = outcome(observation, scenario.want)
    if not scenario.is_to_memory or not scenario.options.get("decode", True) or scenario.progress:
        return observation
    accepted = ["gzip", "deflate"]
    accepted += ["br"] if _is_installed("brotli", "brotlicffi") else []
    accepted += ["zstd"] if _is_installed("zstandard") or sys.version_info >= (3, 14) else []
    sent = [
        _change(request, Want(header={"Accept-Encoding": ", ".join(accepted)}))
        if ("Accept-Encoding", "identity") in request.fields
        else request
        for request in observation.sent
    ]
    return replace(observation, sent=tuple(sent))


def cancel_wins(scenario: Scenario, observation: Observation) -> Observation:
    observation = facts(observation, scenario.want)
    return outcome(observation, scenario.want) if scenario.want.terminal == "cancel" else observation


def constructed(observation: Observation, want: Want) -> Observation:
    """Let the constructor raise: there is no request then, and nothing of it."""
    return observation if want.constructed is KEEP else Observation(constructed=want.constructed)


def connections(observation: Observation, want: Want) -> Observation:
    return observation if want.connections is KEEP else replace(observation, connections=want.connections)


def other_callback(scenario: Scenario, observation: Observation) -> Observation:
    observation = facts(observation, scenario.want)
    return outcome(observation, scenario.want) if scenario.want.terminal is not KEEP else observation


def no_empty_cookie(scenario: Scenario, observation: Observation) -> Observation:
    """Leave the key out that Kivy adds to all headers; reading it gives the same."""
    if observation.fields is None:
        return observation
    return replace(observation, fields=tuple(item for item in observation.fields if item != ("Set-Cookie", "")))


def _is_installed(*names: str) -> bool:
    return any(importlib.util.find_spec(name) is not None for name in names)


GZIP: Final = "gzip decoded"

DIFFERENCES: Final = (
    Row("wait() ends on every outcome and only at the end", wanted(facts)),
    Row("cancel interrupts, finishes and beats a late result", cancel_wins),
    Row("truncated bodies are errors", wanted(outcome)),
    Row("status 600+ is a failure, 1xx skipped", final_status),
    Row("one result type rule (4.1)", typed(result_by_type)),
    Row("charset honoured", typed(result_of)),
    Row("file_path atomic and 2xx only", no_file_but_success),
    Row("strong callbacks", wanted(outcome)),
    Row("`on_*` reassignable", other_callback),
    Row("duplicate and case-insensitive headers", one_value_for_a_name),
    Row("nothing mutated", nothing_mutated),
    Row("fragment not sent", wanted(message)),
    Row("percent-encoding of URLs", wanted(outcome, message)),
    Row("userinfo decoded", wanted(message)),
    Row("methods upper-cased", wanted(message)),
    Row("str bodies utf-8, dict bodies", wanted(outcome, message)),
    Row("auth honoured", wanted(message)),
    Row("default User-Agent", default_user_agent, is_everywhere=True),
    Row(GZIP, content_codings, is_everywhere=True),
    Row("proxy_headers for http, no credentials to the proxy", wanted(message)),
    Row("certifi with the platform store", wanted(outcome, message)),
    Row("debug output on the logger `urlrequest` without credentials and bodies", wanted(facts)),
    Row("linear memory", wanted(facts)),
    Row("keep-alive", keep_alive, is_everywhere=True),
    Row("limits", wanted(connections, facts)),
)

# What other rules decide; `beyond.py` has their scenarios.
RULED: Final = (
    *(Row(text, wanted(constructed, outcome, message, facts)) for text in RULES),
    Row(NO_KEY, no_empty_cookie, is_everywhere=True),
)

KEPT: Final = (
    "3xx are not followed unless asked",
    "no environment proxies",
    "timeout None",
    ";-joined Set-Cookie",
    "the duplicate final progress event",
    "`application/json` only",
    "b'' with file_path",
)
