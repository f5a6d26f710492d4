"""What makes a key one that its item can have, kind by kind. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from itembank.errors import FieldProblem, Message, msg
from itembank.items.forms import MAX_NUMBER, MAX_TEXT, number_of, text_form, unit_form
from itembank.items.kinds import Answer, kind_of, letter
from itembank.items.models import ItemBody, ItemKeyData

MAX_ACCEPTED: Final = 20
MAX_UNITS: Final = 10


def check_key(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool = False) -> list[FieldProblem]:
    """Problems of the key against the body it belongs to. ``allow_one_correct``: see `checks.check_item`."""
    answer = kind_of(body.kind).answer
    strange = list(_of_another_kind(answer, key))
    if strange:
        return strange
    if answer == Answer.CHOICE:
        return _check_choice(body, key, allow_one_correct=allow_one_correct)
    return list(_CHECKS[answer](body, key))


def _problem(problem: Message, mend: Message) -> FieldProblem:
    return FieldProblem("key", problem, mend)


def _of_another_kind(answer: Answer, key: ItemKeyData) -> Iterator[FieldProblem]:
    by_ids = answer in (Answer.CHOICE, Answer.ORDER, Answer.PAIRS)
    mend = msg("Write the key that belongs to the kind of the item.")
    if key.correct and not by_ids:
        yield _problem(msg("This kind of item is not answered by options, but the key names some."), mend)
    if key.accepted and answer != Answer.TEXTS:
        yield _problem(msg("Only a fill-in item has accepted texts."), mend)
    if (key.number or key.tolerance or key.units) and answer != Answer.NUMBER:
        yield _problem(msg("Only a calculation item has a number as its key."), mend)


def _absent(body: ItemBody, key: ItemKeyData) -> list[FieldProblem]:
    ids = {option.id for option in body.options}
    absent = [letter(n) for n in key.correct if n not in ids]
    if not absent:
        return []
    problem = msg("The key names option %(letters)s, which does not exist.", letters=", ".join(absent))
    return [_problem(problem, msg("Correct the key, or add the option."))]


def _check_choice(body: ItemBody, key: ItemKeyData, *, allow_one_correct: bool) -> list[FieldProblem]:
    absent = _absent(body, key)
    if absent:
        return absent
    correct = kind_of(body.kind).correct
    low, high, n = (1 if allow_one_correct else correct[0]), correct[-1], len(key.correct)
    if list(key.correct) != sorted(set(key.correct)):
        return [_problem(msg("The key names its options out of order."), msg("Name each correct option once, in order."))]
    if low <= n <= high:
        return []
    if not n:
        return [_problem(msg("There is no key."), msg("Say which option is correct."))]
    if n > high:
        problem = msg("This kind has exactly one correct option, but the key names %(n)s.", n=n)
        return [_problem(problem, msg("Leave one correct option, or make it a multiple-choice item."))]
    problem = msg("A multiple-choice item needs at least two correct options.")
    return [_problem(problem, msg("Add a correct option, or make it a single-choice item."))]


def _check_order(body: ItemBody, key: ItemKeyData) -> Iterator[FieldProblem]:
    absent = _absent(body, key)
    yield from absent
    if not absent and sorted(key.correct) != [option.id for option in body.options]:
        problem = msg("The key does not put every option in its place.")
        yield _problem(problem, msg("Name every option once, in the right order."))


def _check_pairs(body: ItemBody, key: ItemKeyData) -> Iterator[FieldProblem]:
    absent = _absent(body, key)
    yield from absent
    if absent:
        return
    n, lines = len(key.correct), len(body.prompts)
    twice = [letter(option) for option, times in Counter(key.correct).items() if times > 1]
    if n != lines:
        problem = msg("There are %(lines)s lines to match, but the key matches %(n)s.", lines=lines, n=n)
        yield _problem(problem, msg("Say for each line which option belongs to it."))
    if twice:
        problem = msg("The key gives option %(letters)s to more than one line.", letters=", ".join(twice))
        yield _problem(problem, msg("Give each line an option of its own."))


def _check_texts(body: ItemBody, key: ItemKeyData) -> Iterator[FieldProblem]:
    if len(key.accepted) != body.blanks:
        problem = msg("The text has %(blanks)s blanks, but the key answers %(n)s.", blanks=body.blanks, n=len(key.accepted))
        yield _problem(problem, msg("Give the accepted answers of each blank, in the order of the blanks."))
        return
    for n, texts in enumerate(key.accepted, 1):
        forms = list(map(text_form, texts))
        longest = max(map(len, texts), default=0)
        if not any(forms) or not all(forms):
            yield _problem(msg("Blank %(n)s has no accepted answer.", n=n), msg("Write at least one answer for it."))
        elif longest > MAX_TEXT:
            problem = msg("An accepted answer of blank %(n)s is too long: %(long)s characters.", n=n, long=longest)
            yield _problem(problem, msg("Shorten it to at most %(longest)s characters.", longest=MAX_TEXT))
        elif len(texts) > MAX_ACCEPTED:
            problem = msg("Blank %(n)s has %(m)s accepted answers.", n=n, m=len(texts))
            yield _problem(problem, msg("Give at most %(high)s; width, case and spacing need none.", high=MAX_ACCEPTED))


def _check_number(body: ItemBody, key: ItemKeyData) -> Iterator[FieldProblem]:
    if not key.number:
        yield _problem(msg("There is no key."), msg("Write the number that is right."))
        return
    tolerance = number_of(key.tolerance)
    if number_of(key.number) is None:
        problem = msg("“%(text)s” is not a number.", text=key.number[:MAX_NUMBER])
        yield _problem(problem, msg("Write it in digits, like 12.5 or -3, without a unit."))
    if tolerance is None or tolerance < 0:
        problem = msg("The tolerance “%(text)s” is not a number of 0 or more.", text=key.tolerance[:MAX_NUMBER])
        yield _problem(problem, msg("Write how far the answer may be off, like 0.1, or 0."))
    if len(key.units) > MAX_UNITS:
        problem = msg("There are %(n)s units that may be typed.", n=len(key.units))
        yield _problem(problem, msg("Give at most %(high)s.", high=MAX_UNITS))
    for unit in (body.unit, *key.units):
        if unit and unit_form(unit)[:1] in _NUMBER_BEGINS:
            problem = msg("The unit “%(unit)s” begins like a number.", unit=unit)
            yield _problem(problem, msg("Write the unit alone, like V, r/min or m²."))


_NUMBER_BEGINS: Final = frozenset("0123456789+-.,")

_CHECKS: Final[dict[Answer, Callable[[ItemBody, ItemKeyData], Iterator[FieldProblem]]]] = {
    Answer.ORDER: _check_order,
    Answer.PAIRS: _check_pairs,
    Answer.TEXTS: _check_texts,
    Answer.NUMBER: _check_number,
}
