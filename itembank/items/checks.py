"""What makes an item valid: every problem names the field, what is wrong and how to mend it. Pure."""

from collections.abc import Callable, Iterator
from typing import Final

from itembank import markup
from itembank.errors import FieldProblem, InvalidItem, Message, msg
from itembank.items.key_checks import check_key
from itembank.items.kinds import Answer, Kind, kind_of, letter
from itembank.items.models import ItemBody, ItemKeyData, Option
from itembank.items.writing import drawn

MAX_STEM: Final = 20_000
MAX_OPTION: Final = 8_000
MAX_UNIT: Final = 20


def check_item(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> list[FieldProblem]:
    """Everything that forbids storing this item; empty when it is valid.

    ``allow_one_correct`` lets a multiple-choice item have a single correct option (some sectors' rules do).
    """
    return [*check_body(body), *check_key(body, key, allow_one_correct=allow_one_correct)]


def require_valid(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> None:
    """Raise `InvalidItem` with all problems unless the item is valid."""
    problems = check_item(body, key, allow_one_correct=allow_one_correct)
    if problems:
        raise InvalidItem(tuple(problems))


def check_body(body: ItemBody) -> list[FieldProblem]:
    """Problems of what is shown: the parts this kind has to have or may not have, cleanliness of the HTML."""
    kind = kind_of(body.kind)
    found = [*check_html("stem", body.stem_html, MAX_STEM), *_check_stimulus(body)]
    found += _check_blanks(body, kind)
    found += _check_unit(body, kind)
    found += _check_prompts(body, kind)
    return [*found, *_check_options(body, kind)]


def _check_stimulus(body: ItemBody) -> list[FieldProblem]:
    if not body.stimulus and not body.stimulus_html:
        return []
    if not body.stimulus:
        problem = msg("The shared text has no name.")
        return [FieldProblem("stimulus", problem, msg("Choose the shared text from the list."))]
    return check_html("stimulus", body.stimulus_html, MAX_STEM)


def _check_blanks(body: ItemBody, kind: Kind) -> Iterator[FieldProblem]:
    if not kind.blanks[-1]:
        if body.blanks:
            problem = msg("This kind of item has no blanks to write in.")
            yield FieldProblem("stem", problem, msg("Make it a fill-in item, or choose another kind."))
        return
    n = markup.blanks_in(body.stem_html)
    if not n:
        mend = msg("Write ____ (four low lines) where the candidate has to write.")
        yield FieldProblem("stem", msg("The text has no blank."), mend)
    elif n not in kind.blanks:
        problem = msg("The text has %(n)s blanks.", n=n)
        yield FieldProblem("stem", problem, msg("Leave at most %(high)s blanks.", high=kind.blanks[-1]))
    elif n != body.blanks:
        problem = msg("The text has %(n)s blanks, but the item says %(said)s.", n=n, said=body.blanks)
        yield FieldProblem("stem", problem, msg("Write the text again, so that its blanks are counted."))


def _check_unit(body: ItemBody, kind: Kind) -> Iterator[FieldProblem]:
    if body.unit and kind.answer != Answer.NUMBER:
        problem = msg("Only a calculation item has a unit.")
        yield FieldProblem("unit", problem, msg("Leave the unit empty."))
    elif len(body.unit) > MAX_UNIT:
        problem = msg("The unit is too long: %(n)s characters.", n=len(body.unit))
        yield FieldProblem("unit", problem, msg("Shorten it to at most %(longest)s characters.", longest=MAX_UNIT))


def _check_prompts(body: ItemBody, kind: Kind) -> Iterator[FieldProblem]:
    n = len(body.prompts)
    if n not in kind.prompts:
        if not kind.prompts[-1]:
            problem = msg("Only a matching item has lines to match.")
            yield FieldProblem("prompts", problem, msg("Remove the lines, or choose the kind “Matching”."))
            return
        problem = msg("There are %(n)s lines to match.", n=n)
        mend = msg("Give %(low)s to %(high)s lines.", low=kind.prompts[0], high=kind.prompts[-1])
        yield FieldProblem("prompts", problem, mend)
    yield from _check_list("prompts", body.prompts, _same_lines)
    if n > len(body.options):
        problem = msg("There are %(n)s lines to match, but only %(m)s options.", n=n, m=len(body.options))
        yield FieldProblem("options", problem, msg("Add options: each line needs one of its own."))


def _same_lines(a: int, b: int) -> Message:
    return msg("Lines %(a)s and %(b)s are the same.", a=a, b=b)


def _check_options(body: ItemBody, kind: Kind) -> Iterator[FieldProblem]:
    if kind.fixed_options:
        if body.options != tuple(Option(id=n, html=text) for n, text in enumerate(kind.fixed_options, 1)):
            problem = msg("A true/false item has its own options.")
            yield FieldProblem("options", problem, msg("Leave the options empty; they are always 正确 and 错误."))
        return
    n = len(body.options)
    if n and not kind.options[-1]:
        yield FieldProblem("options", msg("This kind of item has no options."), msg("Leave the options empty."))
        return
    if n not in kind.options:
        mend = msg("Give %(low)s to %(high)s options.", low=kind.options[0], high=kind.options[-1])
        yield FieldProblem("options", msg("There are %(n)s options.", n=n), mend)
    yield from _check_list("options", body.options, _same_options)
    texts = [option.html for option in body.options]
    if kind.keeps_order and len(set(texts)) == n and drawn(body.stem_html, texts) != list(range(n)):
        problem = msg("The options are numbered in the order written, which can give the answer away.")
        yield FieldProblem("options", problem, msg("Write the item again, so that its options are numbered by lot."))


def _same_options(a: int, b: int) -> Message:
    return msg("Options %(a)s and %(b)s are the same.", a=letter(a), b=letter(b))


def _check_list(field: str, listed: tuple[Option, ...], same: Callable[[int, int], Message]) -> Iterator[FieldProblem]:
    """Numbered 1, 2, 3 …, each clean, no two alike."""
    if [one.id for one in listed] != list(range(1, len(listed) + 1)):
        problem = msg("Options are not numbered 1, 2, 3 …")
        yield FieldProblem(field, problem, msg("Number the options in the order written."))
    seen: dict[str, int] = {}
    for one in listed:
        where = f"{field}.{one.id}"
        yield from check_html(where, one.html, MAX_OPTION)
        text = "".join(markup.plain_text(one.html).split())
        if text and text in seen:
            yield FieldProblem(where, same(seen[text], one.id), msg("Change one of the two."))
        seen.setdefault(text, one.id)


def check_html(field: str, source: str, longest: int) -> list[FieldProblem]:
    """Problems of one piece of stored HTML: too long, empty, unclean, a picture from elsewhere."""
    if len(source) > longest:
        return [
            FieldProblem(
                field,
                msg("The text is too long: %(n)s characters.", n=len(source)),
                msg("Shorten it to at most %(longest)s characters.", longest=longest),
            )
        ]
    if markup.has_bare_picture(source):
        return [
            FieldProblem(
                field,
                msg("A picture refers to something that is not in the bank."),
                msg("Upload the picture and insert it again."),
            )
        ]
    if not markup.plain_text(source):
        return [FieldProblem(field, msg("The text is empty."), msg("Write the text, or remove the option."))]
    if _may_be_unclean(source) and markup.sanitise(source) != source:
        return [
            FieldProblem(
                field,
                msg("The text contains formatting that is not allowed."),
                msg("Remove scripts, styles, links and outside pictures."),
            )
        ]
    return []


def _may_be_unclean(source: str) -> bool:
    return source != source.strip() or any(char in source for char in "<>&\u00a0") or markup.storable(source) != source
