"""The cookies of a session: threads, forks and files."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Cookie, CookieStore
from urlrequest._client import cookie_store
from urlrequest._content import file_sink
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target

if TYPE_CHECKING:
    from pathlib import Path

HERE = parse_target("http://h.example/")


def head(*cookies: str) -> ResponseHead:
    return ResponseHead("1.1", 200, "OK", Headers([("set-cookie", cookie) for cookie in cookies]))


@pytest.fixture
def store() -> CookieStore:
    found = CookieStore()
    found.set("id", "s3cret", "h.example", expires=4_000_000_000)
    found.set("all", "2", ".h.example", "/x", secure=True, http_only=True)
    return found


@pytest.fixture(params=["cookies.txt", "cookies.json", "COOKIES.JSON", "cookies"])
def path(request: Any, tmp_path: Path) -> Path:
    return tmp_path / request.param


def test_17_14_iteration(store: CookieStore) -> None:
    """Contract 17.14: iterating gives the cookies in order, as they are now, and len() is their number."""
    found = iter(store)
    store.clear()

    assert ["id", "all"] == [cookie.name for cookie in found]
    assert ([], 0) == (list(store), len(store))


def test_17_14_set_is_sent(store: CookieStore) -> None:
    """Contract 17.14: what a program sets is sent like what a server sets."""
    assert "id=s3cret" == store.cookies_for(HERE)
    assert "all=2" == store.cookies_for(parse_target("https://www.h.example/x"))


def test_17_14_clear_takes_what_a_cookiejar_takes(store: CookieStore) -> None:
    """Contract 17.14: clear() takes domain, path and name, with a dot or without, and removes nothing else."""
    store.clear("elsewhere.example")
    store.clear(".H.example", "/x", "id")
    assert 2 == len(store)
    store.clear(".H.example", "/x", "all")
    assert ["id"] == [cookie.name for cookie in store]


@pytest.mark.parametrize(
    ("kept", "given"),
    [
        ("elev\u00e9.example", "Elev\u00e9.example"),
        ("elev\u00e9.example", ".xn--elev-epa.example"),
        ("2001:db8::1", "[2001:DB8:0::1]"),
        ("%2Frun%2Fsocket", "%2frun%2Fsocket"),
    ],
)
def test_17_14_clear_reads_a_domain_as_set_does(kept: str, given: str) -> None:
    """Contract 17.14: however a host is written, its cookies are removed: a logout leaves none behind."""
    store = CookieStore()
    store.set("id", "7", kept)
    store.clear(given)

    assert 0 == len(store)


@pytest.mark.parametrize("domain", ["https://shop.example", "shop.example:443", "#shop.example", ""])
def test_17_14_clear_refuses_what_is_no_host(store: CookieStore, domain: str) -> None:
    """Contract 17.14: a domain that no cookie can have is an error, since nothing would be removed."""
    with pytest.raises(ValueError, match="no host name"):
        store.clear(domain)
    with pytest.raises(ValueError, match="no host name"):
        store.set("id", "7", domain)


def test_17_11_a_response_is_kept() -> None:
    """Contract 17.11: the cookies of a response are kept, one that has none changes nothing."""
    store = CookieStore()
    store.store(HERE, head())
    store.store(HERE, head("a=1", "b=2"))

    assert "a=1; b=2" == store.cookies_for(HERE)


def test_16_3_repr_has_no_cookies(store: CookieStore) -> None:
    """Contract 16.3: the repr of a store says how many cookies it has."""
    assert "<CookieStore with 2 cookies>" == repr(store)


# Threads and forks


def test_17_11_workers_use_it_at_once() -> None:
    """Contract 17.11: threads that set, send, read and clear at once see whole cookies, and lose none of their own."""
    store, errors = CookieStore(), []
    barrier = threading.Barrier(8)

    def use(number: int) -> None:
        target = parse_target(f"http://h{number}.example/")
        barrier.wait()
        try:
            for turn in range(200):
                store.store(target, head(f"a={turn}", f"b={turn}"))
                assert f"a={turn}; b={turn}" == store.cookies_for(target)
                assert 2 <= len(list(store)) <= 16
                store.clear(f"h{number}.example", None, "nothing")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == errors
    assert 16 == len(store)


def test_17_11_nothing_waits_for_a_file(store: CookieStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.11: while a file is written, requests get their cookies."""
    sent = []
    write = cookie_store._write_private

    def write_slowly(*arguments: Any) -> None:
        thread = threading.Thread(target=lambda: sent.append(store.cookies_for(HERE)))
        thread.start()
        thread.join()
        write(*arguments)

    monkeypatch.setattr(cookie_store, "_write_private", write_slowly)
    store.save(tmp_path / "cookies.txt")

    assert ["id=s3cret"] == sent


def test_17_11_a_fork_leaves_no_lock_behind(store: CookieStore) -> None:
    """Contract 17.11: in a forked child the store works, though another thread of the parent held its lock."""
    store._lock.acquire()
    store.reset_after_fork()

    assert "id=s3cret" == store.cookies_for(HERE)


# Files


def test_17_14_save_and_load(store: CookieStore, path: Path) -> None:
    """Contract 17.14: another store has the same cookies after loading the file, session cookies too."""
    store.save(path)
    other = CookieStore()
    other.load(str(path))

    assert list(store) == list(other)
    assert path.read_bytes().startswith(b"{" if path.suffix.lower() == ".json" else b"# Netscape")


def test_17_14_save_names_the_file(store: CookieStore, tmp_path: Path) -> None:
    """Contract 17.14: the error of a file that cannot be written names that file, and nothing is left."""
    with pytest.raises(FileNotFoundError, match="the cookies cannot be saved: ") as raised:
        store.save(tmp_path / "nowhere" / "cookies.txt")

    assert str(tmp_path / "nowhere" / "cookies.txt") == raised.value.filename
    assert [] == list(tmp_path.iterdir())


def test_17_14_load_adds(store: CookieStore, path: Path) -> None:
    """Contract 17.14: loading replaces cookies of the same name, domain and path, and keeps the others."""
    store.save(path)
    other = CookieStore()
    other.set("id", "old", "h.example")
    other.set("own", "1", "h.example")
    other.load(path)

    assert ["id", "own", "all"] == [cookie.name for cookie in other]
    assert "id=s3cret; own=1" == other.cookies_for(HERE)


def test_17_14_load_leaves_out_what_has_expired(
    store: CookieStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 17.14: what has expired is neither saved nor loaded."""
    store.save(path)
    monkeypatch.setattr(cookie_store, "time", lambda: 4_000_000_000.0)
    other = CookieStore()
    other.load(path)
    assert ["all"] == [cookie.name for cookie in other]

    store.save(path)
    assert b"s3cret" not in path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_17_14_only_the_owner_reads_the_file(store: CookieStore, path: Path, mask: int) -> None:
    """Contract 17.14: the file has mode 0600, whatever the umask, and whatever the mode of the one before."""
    path.write_text("x")
    path.chmod(0o644)
    before = os.umask(mask)
    try:
        store.save(path)
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_17_14_the_file_is_private_from_its_first_moment(
    store: CookieStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 17.14: nobody else can open the file while it is written, and it is there only when it is complete."""
    seen = []

    def look(temporary: str, target: str) -> None:
        seen.append((stat.S_IMODE(os.stat(temporary).st_mode), os.path.exists(target), os.path.dirname(temporary)))
        os.replace(temporary, target)

    monkeypatch.setattr(file_sink, "replace_file", look)
    store.save(path)

    assert [(0o600, False, str(path.parent))] == seen
    assert [path.name] == os.listdir(path.parent)


def test_17_14_a_save_that_fails(store: CookieStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.14: where the file cannot be put in its place, the old one stays and nothing is left over."""

    def refuse(temporary: str, target: str) -> None:
        raise PermissionError(errno.EACCES, "no")

    path.write_text("before")
    monkeypatch.setattr(file_sink, "replace_file", refuse)
    with pytest.raises(PermissionError):
        store.save(path)

    assert "before" == path.read_text()
    assert [path.name] == os.listdir(path.parent)


def test_17_14_a_disk_that_cannot_sync(store: CookieStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.14: a file system that cannot sync ends no save."""

    def refuse(descriptor: int) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "fsync", refuse)
    store.save(path)

    assert path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_17_14_a_link_is_replaced(store: CookieStore, path: Path) -> None:
    """Contract 17.14: a link that somebody planted at the path is replaced; what it leads to stays as it is."""
    victim = path.parent / "victim"
    victim.write_text("before")
    path.symlink_to(victim)
    store.save(path)

    assert ("before", False) == (victim.read_text(), path.is_symlink())


def test_17_14_a_folder_that_is_not_there(store: CookieStore, tmp_path: Path) -> None:
    """Contract 17.14: a missing folder or file is the OSError that says so."""
    with pytest.raises(FileNotFoundError):
        store.save(tmp_path / "none" / "cookies.txt")
    with pytest.raises(FileNotFoundError):
        store.load(tmp_path / "none.txt")


def test_17_14_a_malformed_file(store: CookieStore, path: Path) -> None:
    """Contract 17.14: a malformed file is a ValueError that names file and line, and nothing of it is loaded."""
    path.write_bytes(b"h.example\tFALSE\t/\tFALSE\t0\tnew\t1\nh.example TRUE\n")
    with pytest.raises(ValueError, match=r"COOKIES|cookies") as caught:
        store.load(path)

    assert f"{path} is no file of cookies: line 2: 1 columns" in str(caught.value)
    assert ["id", "all"] == [cookie.name for cookie in store]


def test_17_13_load_keeps_to_the_limits(path: Path) -> None:
    """Contract 17.13: of a file with more cookies of a host than fifty the last ones are kept."""
    lines = [f"h.example\tFALSE\t/\tFALSE\t0\tc{number}\t1\n" for number in range(60)]
    path.write_text("".join(lines))
    store = CookieStore()
    store.load(path)

    assert [f"c{number}" for number in range(10, 60)] == [cookie.name for cookie in store]
    assert Cookie("c10", "1", "h.example") == next(iter(store))
