"""A PostgreSQL of the chaos' own that can be killed: postmaster and backends by their ids, and started again on its data."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.postgresql import IN_MEMORY, find_binaries, free_port


class Postgres:
    """`start`, `kill`, `backends`; `stop` removes everything."""

    def __init__(self) -> None:
        memory = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="jikao-chaos-pg-", dir=memory))
        self.data = self.folder / "data"
        self.port = free_port()
        self.binaries = find_binaries()
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_user:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o700)
        made = ["initdb", "-D", self.data, "-U", "jikao", "-A", "trust", "--no-locale", "-E", "UTF8", "-N"]
        subprocess.run([*self.as_user, self.binaries / made[0], *made[1:]], check=True, capture_output=True, cwd="/")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def server_url(self) -> str:
        return f"postgresql+psycopg://jikao@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers; after a kill the old children must have gone first."""
        options = ("-D", self.data, "-p", str(self.port), "-k", self.folder, "-c", "listen_addresses=127.0.0.1")
        more = ("-c", "max_connections=100", "-c", "shared_buffers=64MB")
        for _attempt in range(100):
            self.process = subprocess.Popen(
                [*self.as_user, self.binaries / "postgres", *options, *more],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
            if self._answers():
                return
            self.process.wait(timeout=10)
        raise RuntimeError("PostgreSQL did not start")

    def _answers(self) -> bool:
        assert self.process is not None
        for _attempt in range(300):
            if self.process.poll() is not None:
                return False
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(host="127.0.0.1", port=self.port, user="jikao", dbname="postgres", connect_timeout=2).close()
                return True
            time.sleep(0.05)
        return False

    @property
    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def backends(self, database: str) -> list[int]:
        """Process ids of the connections to a database; waits while it recovers from a killed backend."""
        for _attempt in range(600):
            with contextlib.suppress(psycopg.OperationalError):
                return self._backends(database)
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not recover")

    def _backends(self, database: str) -> list[int]:
        with psycopg.connect(host="127.0.0.1", port=self.port, user="jikao", dbname="postgres", connect_timeout=5) as asked:
            rows = asked.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'", [database]
            )
            return [int(row[0]) for row in rows]

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and go by themselves."""
        assert self.process is not None
        os.kill(self.postmaster, signal.SIGKILL)
        self.process.wait(timeout=20)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.postmaster, signal.SIGINT)
        if self.process is not None:
            self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)
