"""The settings, read from `JIKAO_*` by the command line and handed down; nothing else reads the environment.

A secret can come from a file: `JIKAO_DATABASE_URL_FILE=/run/secrets/url` sets `database_url`. Odd values and unknown
`JIKAO_*` names are refused with a sentence that says what to do.
"""

import difflib
import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class SettingsError(Exception):
    """The environment asks for something that cannot be; the message is the sentence to show."""


class Settings(BaseSettings):
    """Everything that differs between installations."""

    model_config = SettingsConfigDict(env_prefix="JIKAO_", extra="ignore")

    data_dir: Path = Field(Path("var"), description="Folder of the SQLite file, keys, backups and logs.")
    database_url: str = Field(
        "",
        description="`sqlite:///path` or `postgresql://user:password@host/name`. Empty: an SQLite file in the data folder.",
    )
    keys_dir: Path | None = Field(None, description="Folder of the key files. Empty: `keys` in the data folder.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Serving processes on the port. More than one wants PostgreSQL.")
    redis_url: str = Field(
        "",
        description="`redis://host:6379/0`: serving processes hear of each other at once. Empty: within a second or two.",
    )
    tls_cert: Path | None = Field(None, description="PEM file of the server's certificate and its chain: serve HTTPS.")
    tls_key: Path | None = Field(None, description="PEM file of its private key.")
    allow_plain_http: bool = Field(
        False, description="Accept plain HTTP on another address than loopback (behind a proxy that speaks TLS)."
    )
    behind_tls: bool = Field(False, description="Browsers reach this server by HTTPS: cookies get Secure and `__Host-`.")
    language: Literal["zh_CN", "en"] = Field("zh_CN", description="Language of a visitor who has not chosen one.")
    session_hours: int = Field(12, ge=1, le=72, description="Hours until a staff sign-in ends.")
    upload_max_mb: int = Field(20, ge=1, le=200, description="Largest upload, in MB.")
    writer_queue: int = Field(20_000, ge=256, le=200_000, description="Operations waiting for the writer before it answers 429.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important log line kept.")

    @field_validator("database_url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        scheme = urlsplit(value).scheme
        known = scheme in {"sqlite", "postgresql", "postgresql+psycopg"}
        if value and (not known or value.rstrip("/") == "sqlite:"):
            raise ValueError("this is no database Jikao knows; write sqlite:///path or postgresql://user:password@host/name")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and not (parts.scheme in {"redis", "rediss"} and parts.hostname):
            raise ValueError("this is no Redis Jikao knows; write redis://host:6379/0, or rediss:// for TLS")
        return value

    @model_validator(mode="after")
    def _many_processes_want_postgresql(self) -> "Settings":
        if self.workers > 1 and self.is_sqlite:
            raise ValueError(
                f"{self.workers} serving processes (JIKAO_WORKERS) cannot share an SQLite file, its lock is unfair between "
                "processes; set JIKAO_DATABASE_URL=postgresql://…, or serve with one"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("JIKAO_TLS_CERT and JIKAO_TLS_KEY go together: give both, or neither")
        return self

    @model_validator(mode="after")
    def _plain_http_only_at_home(self) -> "Settings":
        if self.host not in LOOPBACK and not (self.allow_plain_http or self.secure_cookies):
            raise ValueError(
                f"plain HTTP on {self.host} would show papers and passwords to the network; serve HTTPS (jikao tls init makes "
                "the certificate), listen on 127.0.0.1 behind a TLS proxy (JIKAO_BEHIND_TLS=true), or accept it by "
                "JIKAO_ALLOW_PLAIN_HTTP=true"
            )
        return self

    @property
    def url(self) -> str:
        """The SQLAlchemy URL."""
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'jikao.db').absolute()}"
        if self.database_url.startswith("postgresql://"):
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return self.database_url

    @property
    def is_sqlite(self) -> bool:
        """Whether the one-machine database is in use."""
        return self.url.startswith("sqlite")

    @property
    def keys(self) -> Path:
        """Folder of the key files."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def backups(self) -> Path:
        """Folder of backups, where a command names no other."""
        return self.data_dir / "backups"

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies may travel by HTTPS only."""
        return self.behind_tls or self.tls_cert is not None

    @property
    def origin(self) -> str:
        """Where this machine reaches the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"


def load(**overrides: object) -> Settings:
    """Read the environment; `overrides` (command-line options that were given) win. Raises `SettingsError`."""
    _refuse_unknown_names()
    if os.environ.get("JIKAO_DATA_DIR") == "":
        raise SettingsError("JIKAO_DATA_DIR is set to nothing: name a folder, or unset it")
    from_files = {
        name: _secret(variable) for name in Settings.model_fields if (variable := f"JIKAO_{name.upper()}_FILE") in os.environ
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**{**from_files, **given})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _secret(variable: str) -> str:
    try:
        return Path(os.environ[variable]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{variable} names {os.environ[variable]}, which cannot be read: {error.strerror}") from None


def _refuse_unknown_names() -> None:
    known = {f"JIKAO_{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    for name in os.environ:
        if name.startswith("JIKAO_") and name not in known and name not in OUTSIDE:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{name} is not a setting of Jikao.{hint} docs/reference.md lists them all.")


# Read by commands, tests and scripts; no settings of the running product.
OUTSIDE = {"JIKAO_PASSWORD", "JIKAO_CHROMIUM", "JIKAO_TEST_POSTGRESQL_URL"}


def _sentence(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        name = "JIKAO_" + "_".join(str(part) for part in problem["loc"]).upper() if problem["loc"] else "The settings"
        given = f", not '{problem['input']}'" if problem["loc"] else ""
        form = _FORMS.get(problem["type"])
        said = form.format_map(problem.get("ctx", {})) + given if form else problem["msg"].removeprefix("Value error, ")
        parts.append(f"{name}: {said}")
    return "; ".join(parts)


_FORMS = {
    "int_parsing": "write a whole number",
    "bool_parsing": "write true or false",
    "greater_than_equal": "write {ge} or more",
    "less_than_equal": "write {le} or less",
    "literal_error": "write {expected}",
}
"""What the library calls odd, said as what to write."""
