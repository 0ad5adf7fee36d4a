"""Configurations of nested brackets, and of paths, as one tree of words.

Junos and the MD-CLI of SR OS write the same statements in two ways: as blocks in brackets
(`show configuration`, `info`) and as one path a line (`| display set`, `info flat`). Both become
the same tree of `Branch`es.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.sources.router_configuration.text import Branch, Ledger, outside

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{};\[\]]|[^\s{};\[\]"]+|"')

_MOST_INHERITED: Final = 200_000
"""Groups are copied to where they apply; more copies than this no configuration means."""


def tokens_of(lines: Sequence[str], comment: str) -> Iterator[tuple[int, str]]:
    """Words and brackets with their line; quoted words keep their first quotation mark.

    `comment` begins a comment that ends with its line; between slash and star comments span lines.
    """
    is_comment = False
    for number, whole in enumerate(lines, 1):
        line = whole
        if is_comment:
            _, end, line = line.partition("*/")
            if not end:
                continue
            is_comment = False
        if line.lstrip().startswith(comment):
            continue
        start = line.find("/*")
        if start >= 0 and '"' not in line[:start]:
            is_comment = "*/" not in line[start:]
            line = line[:start] + line[start:].partition("*/")[2]
        for found in _TOKEN.finditer(line):
            sign = found.group()
            if sign.startswith(comment * 2):
                break
            yield number, sign[:-1] if len(sign) > 1 and sign[0] == '"' else sign


def word_of(sign: str) -> str:
    """The word of a sign, without its quotation mark."""
    return sign.removeprefix('"')


def in_brackets(  # noqa: C901, PLR0912 (one branch a word of the language)
    ledger: Ledger, *, ends_with_line: bool, comment: str = "#", off: str = "inactive:"
) -> Branch:
    """The tree of a configuration in brackets.

    A statement ends at a semicolon or, where `ends_with_line`, with its line. What is marked `off`
    is not in force and left out. Brackets that do not match are taken as they come.
    """
    root = Branch("")
    stack: list[Branch | None] = [root]
    path: list[str] = []
    choices: list[str] | None = None
    line_of_path = 0
    is_off = False

    def finish(line: int) -> None:
        nonlocal path, choices, is_off
        place = stack[-1]
        if place is not None and not is_off:
            for choice in [*choices] if choices else [None]:
                whole = path if choice is None else [*path, choice]
                if whole:
                    place.put(whole, line)
        path, choices, is_off = [], None, False

    collecting = False
    for number, sign in tokens_of(ledger.lines, comment):
        if ends_with_line and path and number != line_of_path and not collecting and sign != "{":
            finish(line_of_path)
        if sign == "}":
            if path:
                finish(line_of_path)
            if len(stack) > 1:
                stack.pop()
            continue
        ledger.record(number, "")
        if sign == "{":
            place = stack[-1]
            stack.append(
                None if place is None or is_off else place.put(path, line_of_path or number)
                if path else place
            )  # fmt: skip
            path, choices, is_off = [], None, False
        elif sign == ";":
            finish(line_of_path or number)
        elif sign == "[":
            collecting, choices = True, []
        elif sign == "]":
            collecting = False
        elif collecting and choices is not None:
            choices.append(word_of(sign))
        elif sign == off and not path:
            is_off = True
        elif sign in {"replace:", "protect:"} and not path:
            continue
        else:
            if not path:
                line_of_path = number
            path.append(word_of(sign))
    if path:
        finish(line_of_path)
    return root


def topics(ledger: Ledger, root: Branch, by_name: frozenset[str] = frozenset()) -> None:
    """Say of each line, by the first words of its path, why it would be set aside.

    Of places in `by_name` the second word is a name, and lines are counted together without it.
    """
    for top in root.below.values():
        for line in top.lines:
            ledger.aside(line, outside(top.word))
        for below in top.below.values():
            name = top.word if top.word in by_name else f"{top.word} {below.word}"
            for line in below.whole():
                ledger.aside(line, outside(name))
    ledger.name_rest("a statement that is not in force, or stands where none can")


def inherit(root: Branch, groups: str = "groups", apply: str = "apply-groups") -> bool:
    """Copy groups to where they apply; false where that would be too much.

    Words of a group in angle brackets stand for all there that fit (`<ge-*>`). What a place states
    itself stays in front of what it inherits.
    """
    stated = root.below.get(groups)
    if stated is None:
        return True
    left = _MOST_INHERITED
    places: list[tuple[Branch, tuple[str, ...]]] = [(root, ())]
    while places:
        place, path = places.pop()
        excepted = set(place.below.get(f"{apply}-except", Branch("")).below)
        applied: set[str] = set()
        # A group may bring the names of further ones.
        while names := [n for n in _names(place, apply) if n not in applied | excepted]:
            applied.update(names)
            for source in [s for n in names for s in _matching(stated.below.get(n), path)]:
                left -= _copy(place, source, left)
                if left < 0:
                    return False
        places += [(b, (*path, w)) for w, b in place.below.items() if w not in {groups, apply}]
    return True


def _names(place: Branch, apply: str) -> list[str]:
    return list(place.below.get(apply, Branch("")).below)


def _copy(place: Branch, source: Branch, most: int) -> int:
    """Copy what a group says to a place; gives how much, and ends beyond `most`."""
    count = 0
    copies = [(place, source)]
    while copies:
        target, part = copies.pop()
        for word, below in part.below.items():
            count += 1
            if count > most:
                return count
            if word.startswith("<") and word.endswith(">"):
                copies += [(b, below) for w, b in target.below.items() if _fits(w, word)]
                continue
            if word not in target.below:
                target.below[word] = Branch(word, target)
            target.below[word].lines += below.lines
            copies.append((target.below[word], below))
    return count


def _matching(group: Branch | None, path: Sequence[str]) -> list[Branch]:
    """What a group says at a path, its words in angle brackets fitting too."""
    found = [group] if group else []
    for word in path:
        found = [
            b
            for place in found
            for w, b in place.below.items()
            if w == word or (w.startswith("<") and w.endswith(">") and _fits(word, w))
        ]
    return found


def _fits(word: str, pattern: str) -> bool:
    parts = [re.escape(p) for p in pattern[1:-1].split("*")]
    # More stars than these would take a matcher hours, and are in no configuration.
    return len(parts) <= 4 and re.fullmatch(".*".join(parts), word) is not None
