"""An empty, migrated database of either kind for what runs outside pytest."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from server import migrations
from tests import postgresql


@contextmanager
def database(kind: str) -> Iterator[str]:
    """An empty, migrated database."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            url = f"sqlite:///{folder}/soak.db"
            migrations.upgrade(url)
            yield url
        return
    with postgresql.cluster() as server:
        url = postgresql.create_database(server, "soak")
        try:
            migrations.upgrade(url)
            yield url
        finally:
            postgresql.drop_database(server, "soak")
