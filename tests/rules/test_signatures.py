"""Who signed a pack is told, a change after it is found, and what is not ours runs walled off."""

import base64
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from ringfence import cli
from ringfence.cli.app import app
from ringfence.errors import (
    InputError,
    NotFoundError,
    PackError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.opening import open_packs
from ringfence.rules.pack import load_pack
from ringfence.rules.signatures import KEYS, SIGNATURE, sign, standing_of, trust, trusted
from ringfence.store.jail import Limits

Folder = Callable[[Mapping[str, str]], Path]
MakeFiles = Callable[..., dict[str, str]]

PEM = serialization.Encoding.PEM
OPEN = serialization.NoEncryption()


@dataclass(frozen=True)
class Key:
    """A key pair in two files, and the name it goes by: the sha256 of the 32 public bytes."""

    private: Path
    public: Path
    name: str
    key: Ed25519PrivateKey


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[int], Key]:
    def of(seed: int) -> Key:
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
        private, public = tmp_path / f"{seed}.pem", tmp_path / f"{seed}.pub.pem"
        private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, OPEN))
        public.write_bytes(
            key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return Key(private, public, sha256(key.public_key().public_bytes_raw()).hexdigest(), key)

    return of


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / KEYS


def test_an_unsigned_pack_is_not_trusted(files: MakeFiles, folder: Folder, keys: Path) -> None:
    found = standing_of(load_pack(folder(files())), keys)
    assert (found.signed_by, found.is_trusted, found.is_built_in) == (None, False, False)
    assert str(found) == "not signed, not trusted: runs walled"


def test_a_pack_of_ours_needs_no_signature(keys: Path, make_key: Callable[[int], Key]) -> None:
    ours = load_pack("uk-dvd-2022")
    assert str(standing_of(ours, keys)) == "comes with the program"
    with pytest.raises(UsageError, match="needs no signature"):
        sign(ours, make_key(1).private)


def test_a_signed_pack_is_trusted_once_its_key_is(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key]
) -> None:
    root, key, other = folder(files()), make_key(1), make_key(2)
    assert sign(load_pack(root), key.private) == root / SIGNATURE
    assert trust(other.public, keys) == other.name
    found = standing_of(load_pack(root), keys)
    assert (found.signed_by, found.is_trusted) == (key.name, False)
    assert str(found) == f"signed by {key.name}, not trusted: runs walled"
    assert trust(key.public, keys) == key.name
    assert trusted(keys) == sorted([key.name, other.name])
    found = standing_of(load_pack(root), keys)
    assert str(found) == f"signed by {key.name}, trusted: runs walled"
    # A key is what it is, whatever its file is called.
    (keys / f"{key.name}.pem").rename(keys / f"{'0' * 64}.pem")
    assert standing_of(load_pack(root), keys).is_trusted


def test_what_is_signed_is_the_hash_of_the_files_with_a_word_on_what_it_is_for(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key]
) -> None:
    # The message worked out a second time, from the bytes on the disk alone.
    made = files()
    root, key = folder(made), make_key(1)
    signed = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = b"ringfence rule pack, version 1\n" + sha256(signed.encode()).hexdigest().encode()

    def write(content: bytes) -> None:
        said = {
            "public_key": base64.b64encode(key.key.public_key().public_bytes_raw()).decode(),
            "signature": base64.b64encode(key.key.sign(content)).decode(),
        }
        (root / SIGNATURE).write_text(json.dumps(said))

    write(message)
    assert standing_of(load_pack(root), keys).signed_by == key.name
    # RFC 8032 signatures are the same each time: so are those of the program.
    by_hand = json.loads((root / SIGNATURE).read_text())
    sign(load_pack(root), key.private)
    assert json.loads((root / SIGNATURE).read_text()) == by_hand
    # One made for something else is not taken for one of a pack.
    write(message.partition(b"\n")[2])
    with pytest.raises(VerificationError, match="not one of these files"):
        standing_of(load_pack(root), keys)


@pytest.mark.parametrize("change", ["a rule", "a test", "the manifest", "one more", "one less"])
def test_a_change_after_signing_is_found_and_mended_by_signing_again(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key], change: str
) -> None:
    key = make_key(1)
    made = files()
    made["rules/R-2.toml"] = made["rules/R-1.toml"].replace('"R-1"', '"R-2"')
    test = "[[test]]\nname = 'none yet'\nas_of = 2019-12-31\nnot_in_force = true\n"
    made["rules/R-1.test.toml"] = test
    root = folder(made)
    sign(load_pack(root), key.private)
    # What is no file of the pack is no part of what is signed.
    (root / "README.md").write_text("words")
    assert standing_of(load_pack(root), keys).signed_by == key.name
    match change:
        case "a rule":
            (root / "rules/R-1.toml").write_text(made["rules/R-1.toml"].replace("high", "low"))
        case "a test":
            (root / "rules/R-1.test.toml").write_text(f"# a word more\n{test}")
        case "the manifest":
            (root / "pack.toml").write_text(made["pack.toml"].replace("everyone", "nobody"))
        case "one more":
            (root / "rules/R-2.test.toml").write_text(test)
        case _:
            (root / "rules/R-2.toml").unlink()
    with pytest.raises(VerificationError, match="not one of these files") as caught:
        standing_of(load_pack(root), keys)
    assert caught.value.where == str(root / SIGNATURE)
    assert "ringfence rules sign" in str(caught.value.hint)
    sign(load_pack(root), key.private)
    assert standing_of(load_pack(root), keys).signed_by == key.name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"public_key": 1, "signature": 2}',
        b'{"public_key": "\xc3\xa9", "signature": "AA=="}',
        b'{"public_key": "AA==", "signature": "A"}',
        b"[" * 10_000,
        b'{"public_key": "' + b"A" * 10_000_000,
    ],
)
def test_a_signature_that_is_none_is_told_as_such(
    files: MakeFiles, folder: Folder, keys: Path, content: bytes
) -> None:
    root = folder(files())
    (root / SIGNATURE).write_bytes(content)
    with pytest.raises(VerificationError, match="is no signature"):
        standing_of(load_pack(root), keys)


@pytest.mark.parametrize(
    ("public", "signature"),
    [(b"\0" * 31, b"\0" * 64), (b"\0" * 32, b"\0" * 63), (b"\1" * 32, b"\1" * 64), (b"", b"")],
)
def test_bytes_that_are_no_key_or_no_signature_are_no_proof(
    files: MakeFiles, folder: Folder, keys: Path, public: bytes, signature: bytes
) -> None:
    root = folder(files())
    said = {
        "public_key": base64.b64encode(public).decode(),
        "signature": base64.b64encode(signature).decode(),
    }
    (root / SIGNATURE).write_text(json.dumps(said))
    with pytest.raises(VerificationError, match="not one of these files"):
        standing_of(load_pack(root), keys)


def test_another_s_key_put_into_the_signature_is_no_proof(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key]
) -> None:
    root, stranger, friend = folder(files()), make_key(1), make_key(2)
    trust(friend.public, keys)
    sign(load_pack(root), stranger.private)
    said = json.loads((root / SIGNATURE).read_text())
    said["public_key"] = base64.b64encode(friend.key.public_key().public_bytes_raw()).decode()
    (root / SIGNATURE).write_text(json.dumps(said))
    with pytest.raises(VerificationError):
        standing_of(load_pack(root), keys)


def test_a_link_in_the_place_of_the_signature_is_neither_read_nor_written_through(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key], tmp_path: Path
) -> None:
    root, key = folder(files()), make_key(1)
    kept = tmp_path / "kept"
    kept.write_text("of value")
    (root / SIGNATURE).symlink_to(kept)
    assert standing_of(load_pack(root), keys).signed_by is None
    sign(load_pack(root), key.private)
    assert kept.read_text() == "of value"
    assert standing_of(load_pack(root), keys).signed_by == key.name


def test_only_keys_of_the_kind_are_keys(
    files: MakeFiles, folder: Folder, keys: Path, make_key: Callable[[int], Key], tmp_path: Path
) -> None:
    pack, key = load_pack(folder(files())), make_key(1)
    other = rsa.generate_private_key(65_537, 2_048)
    file = tmp_path / "other.pem"
    file.write_bytes(other.private_bytes(PEM, serialization.PrivateFormat.PKCS8, OPEN))
    locked = tmp_path / "locked.pem"
    password = serialization.BestAvailableEncryption(b"a word")
    locked.write_bytes(key.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, password))
    for wrong in (file, locked, key.public):
        with pytest.raises(InputError, match="is no Ed25519 private key"):
            sign(pack, wrong)
    for wrong in (file, locked, key.private):
        with pytest.raises(InputError, match="is no Ed25519 public key"):
            trust(wrong, keys)
    assert trusted(keys) == []
    for call in (lambda: sign(pack, tmp_path / "none"), lambda: trust(tmp_path / "none", keys)):
        with pytest.raises(NotFoundError, match="no such key"):
            call()
    # A place where nothing can be written.
    (Path(pack.place) / SIGNATURE).mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        sign(pack, key.private)
    keys.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot write"):
        trust(key.public, keys)


def test_without_the_library_only_what_is_signed_cannot_be_told(
    files: MakeFiles,
    folder: Folder,
    keys: Path,
    make_key: Callable[[int], Key],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, key = folder(files()), make_key(1)
    unsigned = standing_of(load_pack(root), keys)
    sign(load_pack(root), key.private)
    for name in [n for n in sys.modules if n.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    for call in (
        lambda: standing_of(load_pack(root), keys),
        lambda: sign(load_pack(root), key.private),
        lambda: trust(key.public, keys),
    ):
        with pytest.raises(UnavailableError, match="package cryptography"):
            call()
    (root / SIGNATURE).unlink()
    assert standing_of(load_pack(root), keys) == unsigned


# The door.


def test_packs_are_opened_once_each_and_told_of_unless_ours(
    files: MakeFiles, folder: Folder, tmp_path: Path, make_key: Callable[[int], Key]
) -> None:
    root, key = folder(files()), make_key(1)
    sign(load_pack(root), key.private)
    told: list[str] = []
    opened = open_packs(["uk-dvd-2022", root, "uk-dvd-2022"], tmp_path, tell=told.append)
    assert [pack.id for pack in opened.packs] == ["uk-dvd-2022", "xx-test"]
    assert told == [f"xx-test: signed by {key.name}, not trusted: runs walled"]
    assert opened.label == "public"
    trust(key.public, tmp_path / KEYS)
    assert open_packs([root], tmp_path, tell=told.append).standings["xx-test"].is_trusted


def test_two_packs_of_one_name_are_not_asked_together(
    files: MakeFiles, folder: Folder, tmp_path: Path
) -> None:
    root = folder(files())
    other = tmp_path / "elsewhere" / "xx-test"
    other.parent.mkdir()
    root.rename(other)
    folder(files())
    with pytest.raises(PackError, match="two packs are called xx-test") as caught:
        open_packs([root, other], tmp_path, tell=print)
    assert str(other) in str(caught.value.where)


def test_a_pack_that_is_withheld_is_not_spoken_of_though_it_was_changed(
    files: MakeFiles, folder: Folder, tmp_path: Path, make_key: Callable[[int], Key]
) -> None:
    made = files()
    made["pack.toml"] = f'secrecy = "secret"\n{made["pack.toml"]}'
    root = folder(made)
    sign(load_pack(root), make_key(1).private)
    (root / "pack.toml").write_text((root / "pack.toml").read_text() + "# changed\n")
    told: list[str] = []
    opened = open_packs(["uk-dvd-2022", root], tmp_path, audience="internal", tell=told.append)
    assert (told, [p.id for p in opened.packs]) == ([], ["uk-dvd-2022"])
    with pytest.raises(VerificationError):
        open_packs(["uk-dvd-2022", root], tmp_path, audience="secret", tell=told.append)


# Behind the wall, in every verb.


@dataclass
class Started:
    """A process that was started: its id, what it was given, and what the kernel said of it."""

    pid: int
    limits: Limits
    task: str
    said: set[tuple[str, ...]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """Each walled process, watched from outside while it runs; none is prevented or replaced."""
    seen: list[Started] = []

    class Watched(subprocess.Popen[bytes]):
        def communicate(self, content: Any = None, timeout: Any = None) -> Any:
            limits, task, _ = pickle.loads(content)  # noqa: S301  # written by us just now
            mine = Started(self.pid, limits, task.__name__, set())
            seen.append(mine)
            over = threading.Event()

            def watch() -> None:
                while not over.wait(0.005):
                    mine.said.add(_kernel_on(self.pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                return super().communicate(content, timeout)
            finally:
                over.set()
                watcher.join()

    monkeypatch.setattr("ringfence.store.jail.subprocess.Popen", Watched)
    return seen


def _kernel_on(pid: int) -> tuple[str, ...]:
    """Limits of address space, file size and core, the parent, and whether it has an environment."""
    with suppress(OSError):
        place = Path("/proc") / str(pid)
        limits = (place / "limits").read_text()
        found = [
            re.search(rf"^{name}\s+(\S+)\s+(\S+)", limits, re.MULTILINE)
            for name in ("Max address space", "Max file size", "Max core file size")
        ]
        parent = re.search(r"^PPid:\s+(\d+)", (place / "status").read_text(), re.MULTILINE)
        environment = (place / "environ").read_bytes()
        if parent and all(found):
            return (*(f"{f[1]} {f[2]}" for f in found if f), parent[1], repr(environment))
    return ()


@pytest.mark.skipif(not Path("/proc/self/limits").is_file(), reason="needs /proc of Linux")
def test_a_stranger_s_pack_runs_in_a_process_with_the_limits_it_was_given(
    files: MakeFiles, folder: Folder, build: Callable[..., Any], started: list[Started]
) -> None:
    endless = (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) "
        "SELECT id AS subject, (SELECT max(n) FROM t) > 1 AS verdict, '' AS because FROM element"
    )
    limits = Limits(memory_mb=300, seconds=0.5, threads=1)
    began = time.monotonic()
    with pytest.raises(PackError, match=r"stopped after 0\.5 seconds"):
        evaluate(
            build(element=[{"id": "e"}]),
            load_pack(folder(files(endless))),
            EvaluateParameters(date(2026, 1, 1), limits=limits),
        )
    assert time.monotonic() - began < 20
    (one,) = started
    assert one.pid != os.getpid()
    assert (one.task, one.limits) == ("ask_all", limits)
    # 300 MB for the rule and 3,072 MB for the interpreter with its libraries, in bytes.
    space = 3_372_000_000
    assert (f"{space} {space}", "0 0", "0 0", str(os.getpid()), "b''") in one.said


EXPORT = {
    "elements.csv": "element,name,site,operator,vendor,installed_on\n"
    "e1,gnb1,s1,op,Meridian,2023-05-01\ne2,gnb2,s1,op,Other,2023-05-01\n",
    "functions.csv": "element,function\ne1,GNBDU\ne2,GNBDU\n",
    "vendors.csv": "vendor id,name,is_independent\nm,Meridian,true\no,Other,true\n",
    "designation.csv": "vendor,instrument,valid_from,status,source\n"
    "m,xx-test,2020-01-01,designated,made up\n",
}

RUNS: Mapping[str, Sequence[str]] = {
    "run": ("rules", "run", "{pack}"),
    "run in a form": ("rules", "run", "{pack}", "--format", "sarif"),
    "timeline": ("rules", "timeline", "{pack}"),
    "compare": ("rules", "compare", "{pack}"),
    "explain": ("rules", "explain", "{pack}/R-1", "table:e1"),
    "test": ("rules", "test", "{pack}"),
    "decide": ("decide", "--vendor", "Meridian", "--pack", "{pack}"),
    "report": ("report", "--vendor", "Meridian", "--pack", "{pack}", "--out", "r.html"),
}
"""Every verb that runs the rules of a pack."""

MANY = {"explain", "report", "decide", "timeline"}
"""Those that start a process many times, or take long for something else."""

SLOW = pytest.mark.slow

SHOWS: Mapping[str, Sequence[str]] = {
    "list": ("rules", "list", "{pack}"),
    "lint": ("rules", "lint", "{pack}"),
    "show": ("rules", "show", "{pack}"),
    "show a rule": ("rules", "show", "{pack}", "R-1"),
    "lists": ("rules", "lists", "{pack}", "uk-dvd-2022"),
    "decide, as the core": ("decide", "--vendor", "Meridian", "--core", "{pack}"),
    "report, as the core": (
        "report",
        "--vendor",
        "Meridian",
        "--core",
        "{pack}",
        "--out",
        "r.html",
    ),
    "exposure, as the core": ("exposure", "--vendor", "Meridian", "--core", "{pack}"),
}
"""Every verb that takes its word for something else, and runs none of its rules."""

DATED = {"rules run", "rules timeline", "rules compare", "rules explain", "decide", "report",
         "exposure"}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two elements, one of a maker that the pack lists."""
    root = tmp_path_factory.mktemp("signatures")
    for name, text in EXPORT.items():
        (root / name).write_text(text)
    runner = CliRunner()
    assert runner.invoke(app, ["init", str(root / "w")]).exit_code == 0
    words = ["ingest", *(str(root / name) for name in EXPORT), "--as-of", "2026-01-01"]
    done = runner.invoke(app, [*words, "--workspace", str(root / "w")])
    assert done.exit_code == 0, done.output
    return root / "w"


@pytest.fixture
def call(
    home: Path, tmp_path: Path, files: MakeFiles, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[str]], Result]:
    """Run a verb on that workspace and on a pack with one rule and one test."""
    test = (
        "[[test]]\nname = 'a test'\nas_of = 2026-01-01\ngiven.element = [{ id = 'e' }]\n"
        "then = [{ subject = 'e', verdict = 'unknown' }]\n"
    )
    pack = folder({**files(), "rules/R-1.test.toml": test})
    monkeypatch.chdir(tmp_path)
    # Nothing kept from another test may stand in for an answer.
    for kept in (home / "cache").rglob("*"):
        if kept.is_file():
            kept.unlink()
    for key in (home / KEYS).glob("*"):
        key.unlink()

    def ringfence(words: Sequence[str]) -> Result:
        said = [word.replace("{pack}", str(pack)) for word in words]
        if {" ".join(words[:2]), words[0]} & DATED:
            said += ["--as-of", "2026-01-01"]
        return CliRunner().invoke(app, [*said, "--workspace", str(home)])

    return ringfence


@pytest.fixture
def no_jail_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SQL of a pack may be run in this process; a walled one is not this one."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a jail for rules was opened in our own process")

    monkeypatch.setattr("ringfence.rules.asking.open_jail", refuse)


@pytest.mark.usefixtures("no_jail_here")
@pytest.mark.parametrize(
    ("verb", "signed"),
    # All come by their packs through one door, so that one verb shows for all what it says there.
    [
        *(pytest.param(v, "not signed", marks=SLOW if v in MANY else ()) for v in RUNS),
        ("run", "not trusted"),
        ("run", "trusted"),
    ],
)
def test_every_verb_that_runs_a_stranger_s_pack_does_so_behind_the_wall_and_says_so(
    call: Callable[[Sequence[str]], Result],
    started: list[Started],
    make_key: Callable[[int], Key],
    home: Path,
    tmp_path: Path,
    verb: str,
    signed: str,
) -> None:
    key = make_key(1)
    says = "not signed, not trusted"
    if signed != "not signed":
        sign(load_pack(tmp_path / "xx-test"), key.private)
        says = f"signed by {key.name}, {signed}"
    if signed == "trusted":
        trust(key.public, home / KEYS)
    done = call(RUNS[verb])
    assert done.exit_code in {0, 1}, (done.output, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert f"xx-test: {says}: runs walled" in re.sub(r"\s+", " ", done.stderr)
    assert started
    for one in started:
        assert one.pid != os.getpid()
        assert one.task == "ask_all"
        assert one.limits.memory_mb <= 4_096
        assert one.limits.seconds <= 60
        assert one.limits.answer_mb <= 1_024


@pytest.mark.parametrize(
    "verb", [pytest.param(v, marks=SLOW if v.endswith("core") else ()) for v in SHOWS]
)
def test_every_verb_that_only_reads_a_stranger_s_pack_says_whose_it_is(
    call: Callable[[Sequence[str]], Result], verb: str
) -> None:
    done = call(SHOWS[verb])
    assert done.exit_code in {0, 1}, (done.output, done.exception)
    assert "xx-test: not signed, not trusted" in done.stderr


@pytest.mark.parametrize("verb", [*RUNS, *SHOWS])
def test_no_verb_takes_a_pack_that_was_changed_after_it_was_signed(
    call: Callable[[Sequence[str]], Result],
    started: list[Started],
    make_key: Callable[[int], Key],
    tmp_path: Path,
    verb: str,
) -> None:
    root = tmp_path / "xx-test"
    sign(load_pack(root), make_key(1).private)
    rule = root / "rules" / "R-1.toml"
    rule.write_text(rule.read_text().replace("verdict(is_listed)", "false"))
    done = call({**RUNS, **SHOWS}[verb])
    assert isinstance(done.exception, VerificationError), (done.output, done.exception)
    assert "changed after it was signed" in str(done.exception.hint)
    assert started == []
    assert done.stdout == ""


def test_no_verb_comes_by_a_pack_but_through_the_door() -> None:
    # To sign anew a pack that was changed it has to be read in spite of its signature; the demo
    # reads only what comes with the program.
    folder = Path(cli.__file__).parent
    found = {
        (file.name, line.strip())
        for file in folder.glob("*.py")
        for line in file.read_text().splitlines()
        if "load_pack(" in line or "map(load_pack" in line
    }
    assert {name for name, _ in found} <= {"demo.py", "writing.py"}
    for name, line in found:
        ours = {
            "writing.py": "sign(load_pack(pack), key)",
            "demo.py": "load_pack(name) for name in PACKS",
        }
        assert ours[name] in line
