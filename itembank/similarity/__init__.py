"""When are two items the same item, and when nearly so. Pure: no table, no clock.

`normal` gives the normal form and its digest: equal digests are the same item, refused outright. `bands` says of two texts how
they differ and who has to look. `grams` and `index` find what is nearly the same among tens of thousands of items; they load
numpy and scipy, belong to the child process for heavy work and are not imported here: serving code needs the other two.
"""

from itembank.similarity.normal import content_digest, normal_form, normal_text, strip_option_letters

__all__ = ["content_digest", "normal_form", "normal_text", "strip_option_letters"]
