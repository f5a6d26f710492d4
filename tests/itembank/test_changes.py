"""Differences of versions: which fields, and pieces from which both texts can be put together again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.changes import Piece, changes, text_pieces
from itembank.items import write_body, write_key


def test_fields_that_changed_and_no_others() -> None:
    old = write_body("single", "水的沸点是（ ）。", ["90 ℃", "100 ℃"])
    new = write_body("multiple", "水的沸点为（ ）。", ["90 ℃", "100 ℃", "110 ℃"], fixed_order=True)
    found = {change.field: change.pieces for change in changes(old, new, write_key([1]), write_key([1, 3]))}
    assert list(found) == ["kind", "stem", "options.3", "fixed_order", "key"]
    assert found["stem"] == (
        Piece("same", "水的沸点"),
        Piece("removed", "是"),
        Piece("added", "为"),
        Piece("same", "（ ）。"),
    )
    assert found["options.3"] == (Piece("added", "110 ℃"),)
    assert found["key"] == (Piece("same", "A"), Piece("added", "C"))
    assert changes(old, old, write_key([1]), write_key([1])) == []


def test_an_option_taken_away_and_one_emphasised() -> None:
    old = write_body("single", "题干", ["甲", "乙", "丙"])
    new = write_body("single", "题干", ["<b>甲</b>", "乙"])
    found = {change.field: change.pieces for change in changes(old, new)}
    assert found == {"options.1": (Piece("same", "甲"),), "options.3": (Piece("removed", "丙"),)}


@settings(deadline=None)
@given(st.text(), st.text())
def test_both_texts_can_be_put_together_again(old: str, new: str) -> None:
    pieces = text_pieces(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == new
