"""Configurations that are cut, bent, huge or made to do harm."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import HEAD_BYTES, Options, gather
from ringfence.sources.router_configuration import RouterConfiguration, rows
from ringfence.sources.router_configuration import text as reading
from tests.sources.mutations import bent, mutated
from tests.sources.router_texts import (
    CLASSIC,
    FORTIOS,
    IOS_MORE,
    IOS_XR,
    JUNOS,
    MD_CLI,
    NX_OS,
    VRP,
    ZONES,
    flattened,
)

TEXTS = [CLASSIC, FORTIOS, IOS_MORE, IOS_XR, JUNOS, MD_CLI, NX_OS, VRP, ZONES, flattened(MD_CLI)]


def try_to_read(path: Path, content: bytes) -> None:
    """Either the sums are right, or an error of ours says why not."""
    path.write_bytes(content)
    RouterConfiguration().claims(path, content[:HEAD_BYTES])
    try:
        found = gather(RouterConfiguration(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


@settings(max_examples=120)
@given(st.sampled_from(TEXTS).flatmap(bent))
def test_bent_configurations(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try_to_read(tmp_path_factory.mktemp("bent") / "x.cfg", content)


@settings(max_examples=40)
@given(st.data())
def test_bent_real_configurations(
    tmp_path_factory: pytest.TempPathFactory, shared_data: Path, data: st.DataObject
) -> None:
    lab = shared_data / "batfish-lab-validation/snapshots"
    files = [p for p in sorted(lab.glob("*/configs/*/*")) if p.stat().st_size < 20_000]
    content = data.draw(mutated(data.draw(st.sampled_from(files)).read_bytes()))
    try_to_read(tmp_path_factory.mktemp("real") / "x.cfg", content)


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_bytes_of_any_sort(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try_to_read(tmp_path_factory.mktemp("any") / "x.cfg", b"version 15.2\nhostname a\n" + content)


DEEP = {
    "brackets": "version 20.4R3;\nsystem {\n" + "a {\n" * 30_000,
    "indentation": "version 15\nhostname a\nrouter bgp 1\n" + "".join(
        f"{' ' * n}x\n" for n in range(3_000)
    ),
    "blocks": 'config system global\nset hostname "a"\nend\n' + "config a\nedit b\n" * 30_000 + "end\n",
    "classic": "exit all\nconfigure\n" + "".join(f"{' ' * n}interface \"x\"\n" for n in range(3_000)),
}  # fmt: skip


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_nesting_ends(tmp_path: Path, text: str) -> None:
    start = time.monotonic()
    try_to_read(tmp_path / "x.cfg", text.encode())
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("text", [
    "version 15.2\nhostname " + "a" * 200_000 + "\ninterface Gi0/0\n ip address 10.0.0.1 255.0.0.0\n",
    "version 15.2\nhostname a\nbanner motd #\n" + "text\n" * 1000,
    "version 15.2\nhostname a\ninterface Gi0/0\n switchport trunk allowed vlan "
    + ",".join(["1-4094"] * 500) + "\n switchport mode trunk\n",
    "version 20.4R3;\ngroups { g { interfaces { <" + "*a" * 500 + "> { unit 0; } } } }\n"
    "apply-groups g;\ninterfaces { " + "a" * 5000 + " { unit 0; } }\nsystem { host-name x; }\n",
    "version 20.4R3;\ngroups { " + " ".join(
        f"g{n} {{ apply-groups g{n + 1}; a{n} {{ b; }} }}" for n in range(200)
    ) + " }\napply-groups g0;\nsystem { host-name x; }\ninterfaces { a { unit 0; } }\n",
    'config-version\nconfig system global\n    set hostname "never ends\nend\n' * 50,
    "version 15.2\nhostname a\nline vty 0 4\n transport input " + "ssh " * 100_000 + "\n",
], ids=range(7))  # fmt: skip
def test_lines_made_to_do_harm(tmp_path: Path, text: str) -> None:
    start = time.monotonic()
    try_to_read(tmp_path / "x.cfg", text.encode())
    assert time.monotonic() - start < 10


def test_a_file_larger_than_any_configuration_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    path = tmp_path / "x.cfg"
    path.write_text(VRP)
    with pytest.raises(SourceError, match="larger than"):
        gather(RouterConfiguration(), path, Options())


def test_the_same_file_gives_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.cfg"
    for text in TEXTS:
        path.write_text(text)
        one, two = (gather(RouterConfiguration(), path, Options()) for _ in range(2))
        assert {n: t.to_pylist() for n, t in one.tables.items()} == {
            n: t.to_pylist() for n, t in two.tables.items()
        }


def test_more_rows_than_can_be_held_are_stated_as_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_FILTER_ROWS", 100)
    lines = ["version 15.2", "hostname a", "ip access-list extended LONG"]
    lines += [f" permit tcp any any eq {n}" for n in range(60)]
    for n in range(3):
        lines += [f"interface Gi0/{n}", f" ip address 10.0.{n}.1 255.255.255.0"]
        lines += [" ip access-group LONG in"]
    path = tmp_path / "x.cfg"
    path.write_text("\n".join(lines))
    found = gather(RouterConfiguration(), path, Options())
    stated = found.tables["boundary"].column("has_rules_stated").to_pylist()
    assert stated == [True, False, False]
    assert [r["kind"] for r in found.rejects.to_pylist()].count("fault") == 2
