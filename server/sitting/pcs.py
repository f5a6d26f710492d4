"""Which PC a request comes from: a cookie, and a second memory of it for when a killed browser had not written the cookie yet.

Browsers write cookies up to half a minute late, IndexedDB with strict durability at once. So the sign-in page also keeps a
*mirror* there: a signed name of the PC. A browser that comes without its cookie trades the mirror for a new one. Each trade
makes a new secret, which ends the old cookie and every older mirror: a copy of it never gives a second PC the same identity
beside the first. Fencing looks at the PC's id and the epoch as ever, and a candidate still has to sign in.
"""

import hashlib
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlmodel import Session

from server.db import reading, transaction
from server.keyring import Keyring
from server.registry import devices
from server.registry.tables import Device
from server.sitting.entering import Place, place_of

PC_COOKIE = "jikao_pc"
PC_MAX_AGE_S = 365 * 24 * 3600
_SALT = "jikao.pc-mirror"


class ThisPc:
    """The PC of a request; `token` is set when its cookie has to be given to it."""

    def __init__(self, place: Place, device: Device, token: str | None) -> None:
        self.place = place
        self.code = device.code
        self.secret_digest = device.token_hash
        self.token = token

    @property
    def is_new(self) -> bool:
        """It came without a cookie this server knows."""
        return self.token is not None


def address_of(request: Request) -> str:
    """The network address a request comes from."""
    return request.client.host if request.client else ""


def this_pc(request: Request) -> ThisPc:
    """The PC that holds the cookie, or a new one."""
    state = request.app.state
    now, address = state.clock.now(), address_of(request)
    known = request.cookies.get(PC_COOKIE, "")
    with reading(state.dbs) as db:
        device = devices.device_of(db, known) if known else None
        if device is not None:
            return ThisPc(place_of(db, device, address), device, None)
    with transaction(state.dbs) as db:
        token = devices.register(db, address, now)
        device = devices.device_of(db, token)
        assert device is not None
        return ThisPc(place_of(db, device, address), device, token)


def keep_pc(request: Request, response: Response, token: str | None) -> None:
    """Give the PC its cookie, if it has to be given one."""
    if token is not None:
        response.set_cookie(
            PC_COOKIE,
            token,
            max_age=PC_MAX_AGE_S,
            httponly=True,
            samesite="lax",
            secure=request.app.state.settings.secure_cookies,
            path="/",
        )


def mirror(keyring: Keyring, device_id: int, secret_digest: str) -> str:
    """The signed name a browser keeps beside its cookie; good until the PC's secret changes."""
    signed: Any = _signer(keyring).dumps([device_id, secret_digest[:16]])
    return str(signed)


def restore(db: Session, keyring: Keyring, given: str, came_as: Device | None, request: Request) -> tuple[str, str] | None:
    """(new cookie, new mirror) for the PC a mirror names; None when it is forged, old, or traded already.

    The PC the browser was just taken for is not listed as waiting any more.
    """
    try:
        device_id, digest = _signer(keyring).loads(given, max_age=PC_MAX_AGE_S)
    except (BadSignature, ValueError, TypeError):
        return None
    device = db.get(Device, int(device_id), with_for_update=True)
    if device is None or device.id is None or device.token_hash[:16] != digest:
        return None
    now = request.app.state.clock.now()
    token = devices.renew(db, device.id, address_of(request), now)
    if came_as is not None and came_as.id is not None and came_as.id != device.id:
        devices.set_aside(db, came_as.id, now)
    return token, mirror(keyring, device.id, devices.token_digest(token))


def _signer(keyring: Keyring) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        keyring.key("token"), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )
