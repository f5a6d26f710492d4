"""A PostgreSQL server of the tests' own: a temporary cluster on a free port, run as an ordinary user.

initdb refuses root, so root runs it as `nobody`-like user `postgres` (made by Debian's package). A given
`JIKAO_TEST_POSTGRESQL_URL` is used instead when set.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

IN_MEMORY = "/dev/shm"
"""Where there is one: a database a test makes and drops hundreds of times should not wait for a disk."""


def find_binaries() -> Path:
    """The folder of initdb and postgres."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        candidates.append(Path(found).parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """A running server; yields a URL without database name."""
    given = os.environ.get("JIKAO_TEST_POSTGRESQL_URL")
    if given:
        yield given.rstrip("/")
        return
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="jikao-pg-", dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)
    data = folder / "data"
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", data, "-U", "jikao", "-A", "trust", "--no-locale", "-E", "UTF8", "-N"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    port = free_port()
    server = subprocess.Popen(
        [
            *as_user,
            binaries / "postgres",
            *("-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"),
            *("-c", "max_connections=200", "-c", "shared_buffers=128MB"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        wait_until_ready(port, server)
        yield f"postgresql+psycopg://jikao@127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            pid = int((data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 2)  # fast shutdown
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    import time

    for _attempt in range(200):
        if server.poll() is not None:
            raise RuntimeError("PostgreSQL did not start")
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="jikao", dbname="postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not answer in time")


def create_database(server_url: str, name: str, template: str | None = None) -> str:
    """A database on the server; returns its URL."""
    with psycopg.connect(server_url.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        suffix = f' TEMPLATE "{template}"' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{suffix}')
    return f"{server_url}/{name}"


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
