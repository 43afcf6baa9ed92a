"""Programs of the system that tests start, each on a free port of loopback: servers, proxies, an X server.

Each ends with the test, and with the test's process where the system can see to that.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import NoReturn

__all__ = [
    "Tinyproxy",
    "apache",
    "await_port",
    "dante",
    "file_server",
    "find_program",
    "free_port",
    "lighttpd",
    "microsocks",
    "missing",
    "mortal",
    "nginx",
    "program",
    "running",
    "tinyproxy",
    "tomcat",
    "virtual_screen",
]

TOMCAT = """
<Server port="-1"><Service name="Catalina">
    <Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>
</Service></Server>
"""
TOMCAT_HOME = "/usr/share/tomcat10"

ARE_ALLOWED = True  # within pytest: whether the test has the marker `system`

ENDING_TIME = 20.0  # seconds
PORTS = range(20_000, 32_000)  # below those that systems give to connections, which come and go meanwhile

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {http}
}}
"""

APACHE_MODULES = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_digest")
APACHE = """
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
DocumentRoot {root}
"""

LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.errorlog = "{folder}/error.log"
server.upload-dirs = ( "{folder}" )
mimetype.assign = ( "" => "text/plain" )
"""

DANTE = """
logoutput: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: lo
clientmethod: none
socksmethod: none
client pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
}}
socks pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp
  proxyprotocol: socks_v4 socks_v5
}}
"""


# Finding and running


def missing(what: str) -> NoReturn:
    """Skip the test, for which something is missing; fail it in CI, which has everything."""
    import pytest

    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def find_program(name: str) -> str | None:
    """Where a program is; servers lie in folders that not every user has on the path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def program(name: str, package: str = "") -> str:
    """Where a program is; without it the test, which has the marker `system`, is skipped, and fails in CI.

    Args:
        package: Debian's package, where it has another name.
    """
    assert ARE_ALLOWED, f"a test that starts {name} has the marker `system`"
    path = find_program(name)
    if path is None:
        missing(f"{name} is not installed (on Debian: apt-get install {package or name})")
    return path


def free_port() -> int:
    """A port for a program that cannot choose one itself."""
    choice = random.SystemRandom()  # not the one of the tests, which may be the same in several processes
    while True:
        port = choice.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def mortal(command: Sequence[str]) -> list[str]:
    """The same command, ended by the system when this process ends, killed or not; where it can do that."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "TERM"] if setpriv else []), *command]


@contextmanager
def running(command: Sequence[str], port: int, log: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    """Have a program run, from when it accepts connections until the test is over; `log` gets what it prints."""
    with log.open("ab") as output, subprocess.Popen(mortal(command), stdout=output, stderr=output, env=env) as process:
        try:
            await_port(port, process, log)
            yield
        finally:
            end(process)


def await_port(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    """Return as soon as a program accepts connections; another process does not tell when it does."""

    def accepts() -> bool:
        assert process.poll() is None, log.read_text(errors="replace") if log.exists() else "the program has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    wait_until(accepts, f"nothing listens on port {port}")


def end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(ENDING_TIME)
    except subprocess.TimeoutExpired:
        process.kill()


# The programs


@contextmanager
def nginx(folder: Path, port: int, http: str) -> Iterator[None]:
    """Run nginx, which listens on `port` at least.

    Args:
        folder: Where it keeps its own files.
        http: What its `http` block holds.
    """
    path = program("nginx", "nginx-light")
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, http=http))
    command = [path, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    with running(command, port, folder / "nginx.out"):
        yield


@contextmanager
def file_server(folder: Path, server: str = "", more: str = "") -> Iterator[str]:
    """Run nginx, which serves the files of a folder; its URL.

    Args:
        server: More of its `server` block.
        more: More of its `http` block.
    """
    port = free_port()
    state = folder.parent / f"nginx-{port}"
    state.mkdir()
    http = f"""
    access_log off; sendfile on; default_type application/octet-stream;
    {more}
    server {{ listen 127.0.0.1:{port}; root {folder}; {server} }}
    """
    with nginx(state, port, http):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def apache(folder: Path, root: Path, configuration: str, modules: Sequence[str] = ()) -> Iterator[str]:
    """Run Apache, which serves the files of `root`; its URL.

    Args:
        folder: Where it keeps its own files.
        configuration: More lines for its configuration.
        modules: What it needs besides the modules for authentication.
    """
    path, port = program("apache2", "apache2-bin"), free_port()
    names = [*APACHE_MODULES, *modules]
    lines = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names]
    file = folder / "apache.conf"
    file.write_text("\n".join([*lines, APACHE.format(folder=folder, root=root, port=port), configuration, ""]))
    with running([path, "-f", str(file), "-DFOREGROUND"], port, folder / "apache.out"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def lighttpd(folder: Path, root: Path, configuration: str = "") -> Iterator[str]:
    """Run lighttpd, which serves the files of `root`; its URL.

    Args:
        folder: Where it keeps its own files.
        configuration: More lines for its configuration.
    """
    path, port = program("lighttpd"), free_port()
    file = folder / "lighttpd.conf"
    file.write_text(LIGHTTPD.format(folder=folder, root=root, port=port) + configuration)
    with running([path, "-D", "-f", str(file)], port, folder / "lighttpd.out"):
        yield f"http://127.0.0.1:{port}"


class Tinyproxy(NamedTuple):
    """A running tinyproxy."""

    port: int
    log: Path

    def logged(self) -> str:
        """The text of its log."""
        return self.log.read_text(errors="replace")


@contextmanager
def tinyproxy(folder: Path, *settings: str) -> Iterator[Tinyproxy]:
    """Run tinyproxy, an HTTP proxy, with these lines in its configuration."""
    path, port = program("tinyproxy"), free_port()
    log, configuration = folder / "tinyproxy.log", folder / "tinyproxy.conf"
    lines = [f"Port {port}", "Listen 127.0.0.1", f'LogFile "{log}"', "LogLevel Info", "MaxClients 100", "Timeout 60"]
    configuration.write_text("\n".join([*lines, "Allow 127.0.0.1", *settings, ""]))
    with running([path, "-d", "-c", str(configuration)], port, folder / "tinyproxy.out"):
        yield Tinyproxy(port, log)


@contextmanager
def microsocks(folder: Path, *options: str) -> Iterator[int]:
    """Run microsocks, a SOCKS5 server; its port."""
    path, port = program("microsocks"), free_port()
    with running([path, "-i", "127.0.0.1", "-p", str(port), *options], port, folder / "microsocks.log"):
        yield port


@contextmanager
def tomcat(folder: Path) -> Iterator[str]:
    """Run Tomcat without any application, so that it responds 404 to what it accepts, and 400 to the rest; its URL.

    Args:
        folder: Where it keeps its own files.
    """
    java, port = program("java", "default-jre-headless"), free_port()
    if not os.path.exists(f"{TOMCAT_HOME}/bin/bootstrap.jar"):
        missing("Tomcat is not installed (on Debian: apt-get install tomcat10-common)")
    for name in ("conf", "temp", "webapps/ROOT"):
        (folder / name).mkdir(parents=True)
    (folder / "conf/server.xml").write_text(TOMCAT.format(port=port))
    (folder / "conf/web.xml").write_text('<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0"/>')
    places = [f"-Dcatalina.home={TOMCAT_HOME}", f"-Dcatalina.base={folder}", f"-Djava.io.tmpdir={folder}/temp"]
    jars = f"{TOMCAT_HOME}/bin/bootstrap.jar:{TOMCAT_HOME}/bin/tomcat-juli.jar"
    command = [java, *places, "-cp", jars, "org.apache.catalina.startup.Bootstrap", "start"]
    with running(command, port, folder / "tomcat.out"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def dante(folder: Path) -> Iterator[int]:
    """Run Dante, a server for SOCKS5 and SOCKS4, without SOCKS4a; its port."""
    path, port = program("danted", "dante-server"), free_port()
    configuration = folder / "dante.conf"
    configuration.write_text(DANTE.format(folder=folder, port=port))
    command = [path, "-f", str(configuration), "-p", str(folder / "dante.pid")]
    with running(command, port, folder / "dante.out"):
        yield port


@contextmanager
def virtual_screen() -> Iterator[str]:
    """Run an X server without a screen; its display's name."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as number:
        command = [program("Xvfb", "xvfb"), "-displayfd", str(writing), "-screen", "0", "1024x768x24"]
        command += ["-nolisten", "tcp", "-noreset"]
        with subprocess.Popen(mortal(command), pass_fds=[writing], stderr=subprocess.DEVNULL) as process:
            try:
                os.close(writing)
                line = number.readline().strip()  # it comes when the server is ready
                if not line:
                    missing("Xvfb does not start")
                yield f":{line}"
            finally:
                end(process)
