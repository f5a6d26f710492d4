import pytest

from itembank import sealing
from server.keyring import Keyring


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "x"]}, b'{"a":[true,null,"x"],"b":1}'),
        ('\u20ac$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()),
        ("汉字𠮷", '"汉字𠮷"'.encode()),
        # RFC 8785, 3.2.3: keys sort by UTF-16 code units, so U+1F600 (a surrogate pair) stands before U+FB33.
        ({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4, "\r": 5, "\u0080": 6, "ö": 7}, None),
    ],
)
def test_canonical_json(value: object, expected: bytes | None) -> None:
    found = sealing.canonical_json(value)
    if expected is None:
        assert [found.decode().index(f":{n}") for n in (5, 4, 6, 7, 3, 2, 1)] == sorted(
            found.decode().index(f":{n}") for n in range(1, 8)
        )
    else:
        assert found == expected


@pytest.mark.parametrize("value", [1.5, 2**53, {1: "x"}, b"bytes", "\ud800", {"a": {1, 2}}])
def test_canonical_json_refuses(value: object) -> None:
    with pytest.raises(sealing.NotCanonical):
        sealing.canonical_json(value)


def test_order_of_keys_does_not_change_the_digest() -> None:
    assert sealing.digest({"a": 1, "b": [1, 2]}) == sealing.digest({"b": [1, 2], "a": 1})
    assert sealing.digest({"a": [1, 2]}) != sealing.digest({"a": [2, 1]})


def test_envelope_opens_only_where_it_belongs(keyring: Keyring) -> None:
    blob = sealing.seal_envelope(keyring, sealing.PAPER, b"paper", b"form:1")
    assert sealing.open_envelope(keyring, sealing.PAPER, blob, b"form:1") == b"paper"
    assert b"paper" not in blob
    assert blob != sealing.seal_envelope(keyring, sealing.PAPER, b"paper", b"form:1")
    damaged = [blob[:n] + bytes([blob[n] ^ 1]) + blob[n + 1 :] for n in range(len(blob))]
    for other in [*damaged, b"", blob[:4], blob[:-1]]:
        with pytest.raises(sealing.Tampered):
            sealing.open_envelope(keyring, sealing.PAPER, other, b"form:1")
    for purpose, aad, ring in (
        (sealing.ANSWER_KEY, b"form:1", keyring),
        (sealing.PAPER, b"form:2", keyring),
        (sealing.PAPER, b"form:1", Keyring.ephemeral()),
    ):
        with pytest.raises(sealing.Tampered):
            sealing.open_envelope(ring, purpose, blob, aad)
