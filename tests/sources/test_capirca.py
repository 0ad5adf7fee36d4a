"""Policies of Capirca: small ones by hand, the shared ones against Aerleon's own reading."""

import contextlib
import re
import warnings
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather, gather_together
from ringfence.sources.capirca import Capirca
from tests.sources.mutations import bent
from tests.sources.packet_verdicts import Packet, outcome, outcomes, rows_of

NETWORKS = """# made-up networks
OFFICE = 10.1.0.0/16   # the office
         2001:db8:1::/48
SERVERS = 10.2.0.10
ALL_INSIDE = OFFICE SERVERS
UNUSED = 10.9.0.0/16
CIRCLE = CIRCLE OFFICE
"""
SERVICES = """SSH = 22/tcp
WEB = HTTP
      443/tcp
HTTP = 80/tcp
DNS = 53/udp 53/tcp
UNUSED_PORT = 9/udp
"""
POLICY = """header {
  comment:: "over { several
    lines"
  target:: cisco edge-in mixed
  target:: juniper edge-in inet
}
#include 'includes/start.inc'
term ssh {
  source-address:: OFFICE
  destination-address:: SERVERS
  protocol:: tcp
  destination-port:: SSH
  action:: accept
}
term web {
  destination-address:: ALL_INSIDE
  source-exclude:: SERVERS
  protocol:: tcp udp
  destination-port:: WEB DNS
  action:: accept
}
term answers { protocol:: tcp option:: tcp-established action:: accept }
term odd {
  protocol:: icmp
  icmp-type:: echo-request
  action:: accept
}
term elsewhere {
  platform:: arista
  action:: accept
}
term rest {
  action:: deny
}
"""
INCLUDE = """term start {
  source-address:: CIRCLE
  destination-port:: SSH
  protocol:: tcp
  action:: deny
  platform:: juniper
}
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "pol/edge.pol": POLICY, "includes/start.inc": INCLUDE, "def/N.net": NETWORKS,
        "def/S.svc": SERVICES,
    }  # fmt: skip
    found = {}
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        found[name] = path
    return found


def read(files: dict[str, Path]) -> Gathered:
    found = gather_together(Capirca(), files, Options())
    assert all(c.rows_read == c.rows_kept + c.rows_rejected for c in found.files.values())
    return found


CISCO = "capirca:pol/edge/0/cisco"
JUNIPER = "capirca:pol/edge/0/juniper"


def test_each_file_is_claimed_by_its_content(files: dict[str, Path]) -> None:
    for path in files.values():
        assert Capirca().claims(path, path.read_bytes()).sureness >= 0.9
    for text in (b"", b"{}", b"a,b\n1,2\n", b"KEY = value\n", b"term of office {\n",
                 b"host = 10.0.0.1\nmode = fast\nuser = someone\n"):  # fmt: skip
        assert Capirca().claims(Path("x"), text).sureness == 0.0


def test_terms_decide_in_their_order(files: dict[str, Path]) -> None:
    tables = read(files).tables
    for key, packet, expected in (
        (CISCO, Packet("10.1.2.3", "10.2.0.10", destination_port=22), "allow"),
        # The included term is for juniper alone, and stands before.
        (JUNIPER, Packet("10.1.2.3", "10.2.0.10", destination_port=22), "deny"),
        (CISCO, Packet("10.9.2.3", "10.2.0.10", destination_port=22), "deny"),
        (CISCO, Packet("10.9.2.3", "10.1.9.9", destination_port=443), "allow"),
        # A port of TCP alone is none of UDP.
        (CISCO, Packet("10.9.2.3", "10.1.9.9", "UDP", destination_port=443), "deny"),
        (CISCO, Packet("10.9.2.3", "10.1.9.9", "UDP", destination_port=53), "allow"),
        (CISCO, Packet("10.2.0.10", "10.1.9.9", destination_port=443), "deny"),
        (CISCO, Packet(is_answer=True), "allow"),
        (CISCO, Packet("2001:db8:9::1", "2001:db8:1::9", destination_port=80), "allow"),
        (CISCO, Packet("2001:db8:9::1", "2001:db8:1::9", destination_port=81), "deny"),
        # A filter of IPv4 alone does not stop IPv6.
        (JUNIPER, Packet("2001:db8:9::1", "2001:db8:1::9", destination_port=81), "allow"),
    ):
        assert outcome(tables, key, packet) == expected, (key, packet)
    assert outcomes(tables, CISCO, Packet(protocol="ICMP")) == {"allow", "deny"}


def test_what_was_used_is_counted(files: dict[str, Path]) -> None:
    found = read(files)
    # A header, an include and six terms, of which one is for another platform.
    assert found.files["pol/edge.pol"].rows_read == 8
    assert found.files["pol/edge.pol"].rows_rejected == 1
    assert found.files["includes/start.inc"].rows_kept == 1
    # OFFICE has two lines; UNUSED is named by nothing.
    assert (found.files["def/N.net"].rows_read, found.files["def/N.net"].rows_kept) == (6, 5)
    origins = {f["origin"] for f in rows_of(found.tables, "filter")}
    assert "includes/start.inc:1" in origins
    assert "pol/edge.pol:8" in origins


def test_a_name_that_nothing_defines_is_a_fault_and_not_understood(files: dict[str, Path]) -> None:
    found = gather(Capirca(), files["pol/edge.pol"], Options())
    faults = [r["reason"] for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert len(faults) == 3
    assert any("OFFICE" in f for f in faults)
    assert any("was not given" in f for f in faults)
    key = "capirca:edge/0/cisco"
    assert outcomes(found.tables, key, Packet(destination_port=22)) == {"allow", "deny"}


def test_a_file_with_nothing_of_capirca_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pol"
    path.write_text("just words\n")
    with pytest.raises(SourceError):
        gather(Capirca(), path, Options())


@pytest.fixture(scope="module")
def shared(shared_data: Path) -> tuple[dict[str, Path], Gathered]:
    folder = shared_data / "capirca"
    paths = [*folder.glob("policies/*/*"), *folder.glob("def/*")]
    files = {str(p.relative_to(folder)): p for p in sorted(paths)}
    return files, gather_together(Capirca(), files, Options())


def test_the_shared_policies_are_counted(shared: tuple[dict[str, Path], Gathered]) -> None:
    files, found = shared
    assert len(files) == 22
    for name, path in files.items():
        text = path.read_text()
        assert Capirca().claims(path, path.read_bytes()[:HEAD_BYTES]).sureness >= 0.9
        # `grep -cE '^(term|header) ' FILE` and `grep -c '^#include' FILE`; of definitions every line
        # with something before its comment.
        if name.startswith("policies"):
            blocks = re.findall(r"^(?:term|header)\b.*\{|^#include", text, re.MULTILINE)
            assert found.files[name].rows_read == len(blocks), name
        else:
            lines = [x for x in text.splitlines() if x.partition("#")[0].strip()]
            # A name that stands alone on its line counts as a line too.
            assert found.files[name].rows_read == len(lines), name
    # `grep -h 'target::' pol/*.pol | wc -l`: a boundary each.
    targets = sum(p.read_text().count("target::") for p in files.values())
    assert found.tables["boundary"].num_rows == targets
    # One range of the definitions is none (`0/48`), and no policy uses it.
    assert {r["kind"] for r in found.rejects.to_pylist()} == {"set aside"}


def test_ranges_are_those_that_aerleon_finds(
    shared_data: Path, shared: tuple[dict[str, Path], Gathered]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Only here: it is a second way of reading, and its parser is built as it is imported.
        from aerleon.lib import naming, policy  # noqa: PLC0415

        folder = shared_data / "capirca"
        names = naming.Naming(str(folder / "def"))
        compared = 0
        filters = rows_of(shared[1].tables, "filter")
        for name in ("sample_cisconx", "sample_packetfilter", "sample_sonic", "sample_srx",
                     "sample_k8s", "sample_juniper_loopback"):  # fmt: skip
            path = folder / "policies/pol" / f"{name}.pol"
            parsed = policy.ParsePolicy(path.read_text(), names, optimize=False, filename=name)
            for index, (header, terms) in enumerate(parsed.filters):
                platform = header.target[0].platform
                key = f"capirca:policies/pol/{name}/{index}/{platform}"
                for term in terms:
                    if term.source_address_exclude or term.destination_address_exclude:
                        continue
                    ours = [
                        f for f in filters
                        if f["boundary"] == key and f["text"].startswith(f"term {term.name}:")
                    ]  # fmt: skip
                    if not ours:
                        continue
                    for end in ("source", "destination"):
                        theirs = [ip_network(str(a)) for a in getattr(term, f"{end}_address")]
                        found = {ip_network(str(f[f"{end}_range"])) for f in ours}
                        versions = {n.version for n in found}
                        four = collapse_addresses([t for t in theirs if isinstance(t, IPv4Network)])
                        six = collapse_addresses([t for t in theirs if isinstance(t, IPv6Network)])
                        both = [n for listed in (four, six) for n in listed]
                        same = {n for n in both if n.version in versions}
                        if theirs:
                            assert found == same, (name, term.name, end)
                            compared += 1
                    spans = {f["destination_ports"] for f in ours}
                    ports = {f"{a}-{b}" for a, b in term.destination_port}
                    if ports and "established" not in str(term.option):
                        assert spans == ports, (name, term.name)
                        compared += 1
        assert compared > 40


@settings(max_examples=100)
@given(st.sampled_from((POLICY, INCLUDE, NETWORKS, SERVICES)).flatmap(bent), st.booleans())
def test_bent_files_raise_nothing_of_others(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, is_alone: bool
) -> None:
    folder = tmp_path_factory.mktemp("bent")
    files = {"x.pol": folder / "x.pol"}
    files["x.pol"].write_bytes(content)
    if not is_alone:
        for name, text in (("S.svc", SERVICES), ("N.net", NETWORKS)):
            files[name] = folder / name
            files[name].write_text(text)
    Capirca().claims(files["x.pol"], content)
    with contextlib.suppress(RingfenceError):
        read(files)
