"""A rule pack: one legal instrument as a folder of files that a lawyer and an analyst can read.

::

    uk-dvd-2022/
      pack.toml             the instrument, the vendors it names, what is not encoded and why
      functions.toml        which functions it counts as core
      rules/UKD-03.toml     one rule: its source, its dates, its SELECT
      rules/UKD-03.test.toml   given these rows, then this verdict

What was only remembered, not read, has no grade here and so cannot be a rule: it is listed under
`not_encoded`, for a person to look up.

**Dates.** A rule judges the state of a network as if it applied in full; its phases say what that
means on a day. A phase begins `from` a day, or `after` one: "remove by 31 December" is
`after = 2027-12-31`, so the 31st is still lawful and the breach begins on 1 January.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pydantic import ValidationError

from ringfence.errors import NotFoundError, PackError
from ringfence.network.functions import catalogue
from ringfence.rules.written import (
    Cases,
    Functions,
    FunctionScope,
    Manifest,
    Rule,
    Written,
    of_type,
)
from ringfence.store.snapshot import canonical

PACKS = Path(__file__).parent / "packs"
"""The packs that come with the program."""

FILE_BYTES = 256 * 1024
"""A larger file is no rule; a stranger's pack must not fill the memory."""

FILES_AT_MOST = 2_000

PACK_BYTES = 16 * 1024 * 1024
"""All files together; a hundred times the largest pack that comes with the program."""

_PARTS_AT_MOST = 32
_PART = r"""(?>[\w-]++|"(?:[^"\\]|\\.)*+"|'[^']*+')"""
_LONG_KEY = re.compile(
    rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_PARTS_AT_MOST},}}+", re.ASCII
)
"""A dotted key of so many parts. Reading one takes memory in the square of its length: one that
fills a file would take some 60 GB."""

_DIGITS_AT_MOST = 38
"""What the engine's numbers hold; a law states none longer."""


@dataclass(frozen=True)
class Pack:
    """A pack, read. `files` are its files by their path within it: all that it is.

    `built_in` packs came with the program; the SQL of any other is a stranger's.
    """

    manifest: Manifest
    functions: tuple[FunctionScope, ...]
    rules: tuple[Rule, ...]
    cases: Mapping[str, Cases]
    files: Mapping[str, str]
    place: str
    built_in: bool = field(default=False)

    @property
    def id(self) -> str:
        """The pack's name, which is also the name of the instrument in `designation`."""
        return self.manifest.id

    @cached_property
    def hash(self) -> str:
        """The sha256 of its files."""
        return sha256(canonical(dict(self.files))).hexdigest()

    def scope_of_kinds(self) -> pa.Table:
        """Every kind of the catalogue with its scope: `in`, `out`, or `review`.

        What the instrument does not name is `review`: that it is outside is not for us to say.
        """
        entries = self.entries()
        scopes = [entry.scope if entry else "review" for entry in entries.values()]
        return pa.table({"kind": pa.array([*entries], pa.string()), "scope": pa.array(scopes)})

    def entries(self) -> dict[str, FunctionScope | None]:
        """Every kind of the catalogue with the entry that speaks of it: of it, or of its domain."""
        by_kind = {k: f for f in self.functions for k in f.kinds}
        by_domain = {d: f for f in self.functions for d in f.domains}
        known = catalogue()
        kinds = known.column("kind").to_pylist()
        domains = known.column("domain").to_pylist()
        return {
            kind: by_kind.get(kind) or by_domain.get(domain)
            for kind, domain in zip(kinds, domains, strict=True)
        }

    def rule(self, name: str) -> Rule:
        """The rule of that id, with or without the pack's name before it."""
        wanted = name.removeprefix(f"{self.id}/")
        for rule in self.rules:
            if rule.id == wanted:
                return rule
        raise NotFoundError(
            f"no rule {wanted!r} in {self.id}",
            where=self.place,
            hint=f"its rules: {', '.join(r.id for r in self.rules)}",
        )

    def values(self, given: Mapping[str, object]) -> dict[str, object]:
        """The pack's parameters with `given` put in; what nobody states is None."""
        known = {p.name: p for p in self.manifest.parameter}
        for name, value in given.items():
            if name not in known:
                raise PackError(
                    f"{self.id} has no parameter {name!r}",
                    where=self.place,
                    hint=f"its parameters: {', '.join(known) or 'none'}",
                )
            if value is not None:
                try:
                    of_type(known[name], value)
                except ValueError as error:
                    raise PackError(str(error), where=self.place) from None
        return {name: given.get(name, p.value) for name, p in known.items()}


def list_packs() -> tuple[str, ...]:
    """The names of the packs that come with the program."""
    return tuple(sorted(p.parent.name for p in PACKS.glob("*/pack.toml")))


def load_pack(name: str | Path) -> Pack:
    """The pack of that name, or in that folder.

    Raises `NotFoundError` where there is none, `PackError` with the first problem where it is not
    well formed; see `problems` for all of them.
    """
    if isinstance(name, str) and name in list_packs():
        return read_pack(_files(PACKS / name), name, str(PACKS / name), built_in=True)
    folder = Path(name)
    if not (folder / "pack.toml").is_file():
        raise NotFoundError(
            f"no rule pack {str(name)!r}",
            hint=f"the packs: {', '.join(list_packs())}, or a folder with a pack.toml",
        )
    return read_pack(_files(folder), folder.resolve().name, str(folder))


def problems(folder: Path) -> list[PackError]:
    """Everything that is wrong with the files of the pack in `folder`."""
    try:
        files = _files(folder)
    except PackError as error:
        return [error]
    return _Reader(files, folder.resolve().name, str(folder)).read()[1]


def read_pack(files: Mapping[str, str], name: str, place: str, *, built_in: bool = False) -> Pack:
    """The pack that `files` make; `name` is its folder's. Raises `PackError`."""
    pack, wrong = _Reader(files, name, place, built_in=built_in).read()
    if pack is None:
        first, more = wrong[0], len(wrong) - 1
        message = f"{first.message} (and {more} more)" if more else first.message
        raise PackError(message, where=first.where, hint=first.hint)
    return pack


def _files(folder: Path) -> dict[str, str]:
    """The pack's own files by their path within it."""
    found: dict[str, str] = {}
    size = 0
    for file in sorted([*folder.glob("*.toml"), *folder.glob("rules/*.toml")]):
        place = file.relative_to(folder).as_posix()
        # A link could make us read, and quote in an error, a file that is not the pack's.
        if file.is_symlink() or file.parent.is_symlink() or not file.is_file():
            raise PackError("is no plain file", where=str(file))
        own = file.stat().st_size
        size += own
        if own > FILE_BYTES:
            raise PackError(f"is larger than {FILE_BYTES // 1024} KB", where=str(file))
        if size > PACK_BYTES:
            raise PackError(f"is larger than {PACK_BYTES // 1024**2} MB", where=str(folder))
        try:
            found[place] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise PackError("cannot be read as UTF-8 text", where=str(file)) from None
        if len(found) > FILES_AT_MOST:
            raise PackError(f"has more than {FILES_AT_MOST} files", where=str(folder))
    return found


_Model = TypeVar("_Model", bound=Written)
_RULE_FILE = re.compile(r"rules/([^/]+?)(\.test)?\.toml")


class _Reader:
    """Reads a pack, and goes on after a problem to find the others."""

    def __init__(
        self, files: Mapping[str, str], name: str, place: str, *, built_in: bool = False
    ) -> None:
        self._files = dict(sorted(files.items()))
        self._name = name
        self._place = place
        self._built_in = built_in
        self._wrong: list[PackError] = []

    def read(self) -> tuple[Pack | None, list[PackError]]:
        manifest = self._model("pack.toml", Manifest)
        functions = None
        if "functions.toml" in self._files:
            functions = self._model("functions.toml", Functions)
        rules, cases = self._rules()
        if manifest is not None and manifest.id != self._name:
            self._fault("pack.toml: id", f"is {manifest.id!r}, but the folder is {self._name!r}")
        if not rules and not self._wrong and not (manifest and manifest.not_encoded):
            self._fault("rules", "has no rules, and says of no requirement why it is not encoded")
        if manifest is not None:
            self._match(manifest, rules)
        if self._wrong or manifest is None:
            return None, self._wrong
        listed = functions.function if functions else ()
        pack = Pack(manifest, listed, tuple(rules), cases, self._files, self._place, self._built_in)
        return pack, []

    def _rules(self) -> tuple[list[Rule], dict[str, Cases]]:
        """The rules, and the tests beside them by the rule's id."""
        rules: list[Rule] = []
        cases: dict[str, Cases] = {}
        for place in sorted(set(self._files) - {"pack.toml", "functions.toml"}):
            named = _RULE_FILE.fullmatch(place)
            if named is None:
                self._fault(place, "is no file of a pack")
            elif named[2]:
                if f"rules/{named[1]}.toml" not in self._files:
                    self._fault(place, f"tests a rule that is not there: {named[1]}")
                if (read := self._model(place, Cases, exact=False)) is not None:
                    cases[named[1]] = read
            elif (rule := self._model(place, Rule)) is not None:
                if rule.id != named[1]:
                    self._fault(f"{place}: id", f"is {rule.id!r}, but the file is {named[1]!r}")
                rules.append(rule)
        return rules, cases

    def _match(self, manifest: Manifest, rules: Iterable[Rule]) -> None:
        """What no file alone can tell."""
        names = {p.name for p in manifest.parameter}
        encoded = {rule.id for rule in rules}
        for rule in rules:
            for name in sorted(names & set(rule.values)):
                self._fault(f"rules/{rule.id}.toml: values.{name}", "is a parameter of the pack")
        for place, item in enumerate(manifest.not_encoded):
            if item.id in encoded:
                self._fault(f"pack.toml: not_encoded.{place}", f"{item.id} is encoded")

    def _fault(self, place: str, message: str) -> None:
        file, _, key = place.partition(": ")
        where = f"{self._place}/{file}" + (f": {key}" if key else "")
        self._wrong.append(PackError(message, where=where, hint="see: ringfence rules test"))

    def _model(self, place: str, model: type[_Model], *, exact: bool = True) -> _Model | None:
        if place not in self._files:
            self._fault(place, "is missing")
            return None
        # A cap is the decimal fraction that the law states, not the nearest binary one.
        number: Callable[[str], object] = _decimal if exact else float
        if _has_long_key(self._files[place]):
            self._fault(place, f"has a key of more than {_PARTS_AT_MOST} parts")
            return None
        try:
            content = _settled(tomllib.loads(self._files[place], parse_float=number))
            return model.model_validate(content)
        except tomllib.TOMLDecodeError as error:
            self._fault(place, f"is no TOML: {error}")
        except (RecursionError, ValueError) as error:
            if isinstance(error, ValidationError):
                for key, message in _messages(error):
                    self._fault(f"{place}: {key}" if key else place, message)
            else:
                self._fault(place, "is no TOML that can be read")
        return None


def _has_long_key(text: str) -> bool:
    return any(
        line.count(".") >= _PARTS_AT_MOST and _LONG_KEY.search(line) for line in text.split("\n")
    )


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or max(len(number.as_tuple().digits), abs(number.adjusted())) > (
        _DIGITS_AT_MOST
    ):
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise tomllib.TOMLDecodeError(f"{shown} is no number that a law states")
    return number


def _messages(error: ValidationError) -> Iterator[tuple[str, str]]:
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        key = ".".join(str(part) for part in one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "is no key that may stand here"
        elif one["type"] == "missing":
            message = "is missing"
        yield key, message


def _settled(value: object) -> object:
    """Lists as tuples: what was read does not change any more."""
    if isinstance(value, list):
        return tuple(_settled(one) for one in value)
    if isinstance(value, dict):
        return {key: _settled(one) for key, one in value.items()}
    return value
