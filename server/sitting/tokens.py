"""The candidate's cookie: a signed name of a sitting and a PC, nothing else. State is never in a token.

SHA-256, a salt of its own, an age limit by the product's clock (a step of the wall clock signs nobody out). A token that was
verified once is remembered in a bounded table, so that a save costs a look-up and no HMAC.
"""

import hashlib
from typing import Any, NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from server.clock import Clock

SALT = "jikao.candidate"
MAX_AGE_S = 12 * 3600
REMEMBERED = 50_000


class Pass(NamedTuple):
    """Who a request speaks for: the sitting, the PC."""

    exam_session_id: int
    entry_no: int
    device: str

    @property
    def key(self) -> tuple[int, int]:
        """Identity of the sitting."""
        return (self.exam_session_id, self.entry_no)


class Tokens:
    """Signs and checks."""

    def __init__(self, key: bytes, clock: Clock, *, secure: bool) -> None:
        self.cookie_name = "__Host-jikao_c" if secure else "jikao_c"
        self.secure = secure
        self._clock = clock
        self._prefix = self.cookie_name.encode() + b"="
        self._known: dict[bytes, tuple[Pass, int]] = {}

        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock.now().timestamp())

        self._serializer = URLSafeTimedSerializer(
            key, salt=SALT, signer=Signer, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def sign(self, given: Pass) -> str:
        """A token for the cookie."""
        token: Any = self._serializer.dumps(list(given))
        return str(token)

    def check(self, cookies: bytes) -> Pass | None:
        """Who the `Cookie` header speaks for; None for no, a forged or an old token."""
        start = cookies.find(self._prefix)
        if start < 0:
            return None
        start += len(self._prefix)
        end = cookies.find(b";", start)
        token = cookies[start:] if end < 0 else cookies[start:end]
        known = self._known.get(token)
        if known is not None and self._clock.monotonic_ns() < known[1]:
            return known[0]
        return self._verify(token)

    def _verify(self, token: bytes) -> Pass | None:
        try:
            value, signed_at = self._serializer.loads(token, max_age=MAX_AGE_S, return_timestamp=True)
            exam_session_id, entry_no, device = value
        except (BadSignature, ValueError, TypeError):
            return None
        given = Pass(int(exam_session_id), int(entry_no), str(device))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        left_s = signed_at.timestamp() + MAX_AGE_S - self._clock.now().timestamp()
        self._known[token] = (given, self._clock.monotonic_ns() + int(left_s * 1e9))
        return given
