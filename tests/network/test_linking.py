"""Which rows of two sources are one thing: the evidence, what speaks against it, and chains."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import NotFoundError, UsageError
from ringfence.network.linking import LinkParameters, check_link, confirmed, propose, read_as
from ringfence.network.merge import merge
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Proposals = dict[tuple[str, str], Row]


def network(**tables: list[Row]) -> Tables:
    return Tables({t.name: t.from_rows(tables.get(t.name, [])) for t in NETWORK_TABLES})


def proposals(**tables: list[Row]) -> Proposals:
    found = propose(network(**tables), LinkParameters())["proposed_link"]
    assert isinstance(found, pa.Table)
    return {(row["kept"], row["joined"]): row for row in found.to_pylist()}


def element(key: str, **facts: object) -> Row:
    return {"id": key, "origin": f"{key.split(':', maxsplit=1)[0]}.csv:1", **facts}


def test_a_serial_number_links_however_it_is_typed() -> None:
    found = proposals(
        element=[element("a:1", serial="SN-12345"), element("b:9", serial="sn 12345")]
    )
    row = found["a:1", "b:9"]
    assert row["evidence"] == "same serial number SN12345"
    assert (row["sureness"], row["against"]) == (0.9, None)
    assert (row["origin"], row["joined_origin"]) == ("a.csv:1", "b.csv:1")


def test_evidence_of_several_kinds_adds_up() -> None:
    # 1 - 0.1 x 0.5 x 0.3: serial number, name and address.
    found = proposals(
        element=[
            element("a:1", serial="SN12345", name="core-r1"),
            element("b:9", serial="SN12345", name="CORE-R1.example.net"),
        ],
        interface=[
            {"id": "a:if", "element": "a:1", "address": "192.0.2.1/24"},
            {"id": "b:if", "element": "b:9", "address": "192.0.2.1/32"},
        ],
    )
    assert found["a:1", "b:9"]["sureness"] == pytest.approx(0.985)
    assert found["a:1", "b:9"]["evidence"] == (
        "same serial number SN12345; same name core-r1; same address 192.0.2.1"
    )


def test_another_maker_or_serial_number_speaks_against_it() -> None:
    found = proposals(
        element=[
            element("a:1", name="r1", vendor_name="Nordwerk", serial="AAAAA1"),
            element("b:1", name="r1", vendor_name="Otherco", serial="BBBBB2"),
        ]
    )
    row = found["a:1", "b:1"]
    assert row["against"] == "serial number AAAAA1 / BBBBB2; maker Nordwerk / Otherco"
    assert row["sureness"] == 0.25


def test_the_maker_of_its_product_is_its_maker_and_spelling_is_none() -> None:
    found = proposals(
        element=[
            element("a:1", name="r1", vendor_name="NORDWERK"),
            element("b:1", name="r1", product="b:p"),
            element("c:1", name="r1", vendor_name="NW Radio"),
        ],
        product=[{"id": "b:p", "vendor_name": "Nordwerk", "model": "X", "origin": "b.csv:2"}],
        vendor=[{"id": "v", "name": "Nordwerk"}],
        vendor_alias=[{"alias": "NW Radio", "vendor": "v"}],
    )
    assert [row["against"] for row in found.values()] == [None] * 3


@pytest.mark.parametrize(
    "facts",
    [
        {"serial": "0"},
        {"serial": "n/a"},
        {"name": "10.0.0.1", "serial": "ABCDE"},
        {"name": " "},
        {},
    ],
)
def test_place_holders_are_no_evidence(facts: Row) -> None:
    other = {**facts, "serial": facts.get("serial") if facts.get("serial") != "ABCDE" else "FGHIJ"}
    if "name" in facts and facts["name"] == "10.0.0.1":
        other["name"] = "10.2.0.1"
    assert proposals(element=[element("a:1", **facts), element("b:1", **other)]) == {}


@pytest.mark.parametrize("address", ["127.0.0.1/8", "::1/128", "fe80::1/64", "169.254.0.1/16"])
def test_addresses_that_every_host_has_are_no_evidence(address: str) -> None:
    interfaces = [{"id": f"{k}:if", "element": f"{k}:1", "address": address} for k in ("a", "b")]
    assert proposals(element=[element("a:1"), element("b:1")], interface=interfaces) == {}


def test_what_a_source_has_twice_tells_nothing() -> None:
    twice = [element("a:1", name="r1"), element("a:2", name="r1"), element("b:1", name="r1")]
    assert proposals(element=twice) == {}


def test_rows_of_one_file_are_never_likened() -> None:
    assert proposals(element=[element("a:1", serial="SN12345"), element("a:2", name="x")]) == {}
    same = [element("a:1", name="r1"), element("a:2", name="R1.example")]
    assert proposals(element=same) == {}


def test_products_are_linked_by_maker_and_model_and_sites_by_name_or_place() -> None:
    found = proposals(
        product=[
            {"id": "a:p", "vendor_name": "Nordwerk", "model": "X-100", "origin": "a.csv:1"},
            {"id": "b:p", "vendor_name": "nordwerk", "model": "x 100", "origin": "b.csv:1"},
            {"id": "c:p", "vendor_name": "Otherco", "model": "X-100", "origin": "c.csv:1"},
        ],
        site=[
            {"id": "a:s", "name": "Hill", "latitude_deg": 51.00024, "longitude_deg": 0.00026,
             "origin": "a.csv:1"},
            # 2 m away, across the edge of a square.
            {"id": "b:s", "latitude_deg": 51.00026, "longitude_deg": 0.00024, "origin": "b.csv:1"},
            {"id": "c:s", "name": "hill", "latitude_deg": 52.0, "longitude_deg": 0.0,
             "origin": "c.csv:1"},
        ],
    )  # fmt: skip
    assert set(found) == {("a:p", "b:p"), ("a:s", "b:s"), ("a:s", "c:s")}
    assert found["a:s", "c:s"]["against"] == "they lie more than 1 km apart"


# --- what is read as what


Pairs = st.lists(st.tuples(*[st.sampled_from("abcdefg")] * 2), max_size=12)


@given(Pairs)
def test_keys_that_hang_together_are_read_as_one_of_them(pairs: list[tuple[str, str]]) -> None:
    meant = read_as({"table": "element", "kept": a, "joined": b} for a, b in pairs)
    groups: list[set[str]] = [{key} for key in "abcdefg"]
    for a, b in pairs:
        one, other = (next(g for g in groups if k in g) for k in (a, b))
        if one is not other:
            groups = [g for g in groups if g not in (one, other)] + [one | other]
    for group in groups:
        read = {meant.get("element", {}).get(key, key) for key in group}
        assert len(read) == 1
        assert read <= group


def test_the_kept_key_of_a_chain_is_the_first() -> None:
    links = [
        {"table": "element", "kept": "b", "joined": "c"},
        {"table": "element", "kept": "a", "joined": "b"},
        {"table": "site", "kept": "c", "joined": "a"},
    ]
    assert read_as(links) == {"element": {"b": "a", "c": "a"}, "site": {"a": "c"}}


def parts(*sources: Mapping[str, list[Row]]) -> list[Tables]:
    by_name = {t.name: t for t in NETWORK_TABLES}
    return [Tables({n: by_name[n].from_rows(r) for n, r in s.items()}) for s in sources]


def test_linked_rows_are_joined_wherever_their_keys_stand() -> None:
    inventory = {
        "element": [{"id": "a:1", "site": "a:s", "vendor_name": "Nordwerk", "origin": "a:1"}],
        "function": [{"element": "a:1", "kind": "AMF"}],
    }
    configuration = {
        "element": [
            {"id": "b:1", "vendor_name": "NORDWERK", "software_version": "7", "origin": "b:1"},
            {"id": "b:2", "origin": "b:2"},
        ],
        "relation": [{"source": "b:2", "target": "b:1", "kind": "manages"}],
        "interface": [{"id": "b:if", "element": "b:1"}],
    }
    merged = merge(parts(inventory, configuration), {"element": {"b:1": "a:1"}})
    one = {r["id"]: r for r in merged.tables["element"].to_pylist()}
    assert set(one) == {"a:1", "b:2"}
    assert (one["a:1"]["site"], one["a:1"]["software_version"]) == ("a:s", "7")
    assert one["a:1"]["origin"] == "a:1\nb:1"
    assert one["a:1"]["vendor"] is not None
    assert merged.tables["relation"]["target"].to_pylist() == ["a:1"]
    assert merged.tables["interface"]["element"].to_pylist() == ["a:1"]
    assert merged.findings.num_rows == 0


def test_two_makers_for_one_box_are_believed_of_neither_and_told() -> None:
    said = (
        {"element": [{"id": "a:1", "vendor_name": "Nordwerk", "origin": "a.csv:1"}]},
        {"element": [{"id": "b:1", "vendor_name": "Otherco", "origin": "b.csv:1"}]},
    )
    merged = merge(parts(*said), {"element": {"b:1": "a:1"}})
    (row,) = merged.tables["element"].to_pylist()
    assert (row["vendor_name"], row["vendor"]) == (None, None)
    (finding,) = merged.findings.to_pylist()
    assert finding["rule"] == "check/conflict-vendor_name"
    assert "Nordwerk / Otherco" in finding["because"]
    assert finding["rests_on"] == "a.csv:1\nb.csv:1"


def test_names_are_told_apart_by_more_than_their_domain() -> None:
    def name(one: str, other: str) -> str | None:
        both = ({"element": [{"id": "a", "name": n}]} for n in (one, other))
        found: str | None = merge(parts(*both)).tables["element"]["name"][0].as_py()
        return found

    assert name("r1", "R1.example.net") == "R1.example.net"
    assert name("r1", "r2.example.net") is None
    assert name("10.0.0.1", "10.0.0.2") is None


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ({"table": "vendor", "kept": "a", "joined": "b"}, UsageError),
        ({"table": "element", "kept": "a", "joined": "a"}, UsageError),
        ({"table": "element", "kept": "a", "joined": "z"}, NotFoundError),
        ({"table": "element", "kept": None, "joined": "a"}, NotFoundError),
    ],
)
def test_a_link_that_cannot_be_is_refused(link: Row, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_link(link, {"element": {"a", "b"}})


def test_a_link_confirmed_twice_is_one() -> None:
    link: Callable[[str], Row] = lambda e: {  # noqa: E731
        "table": "element", "kept": "a", "joined": "b", "evidence": e
    }  # fmt: skip
    assert confirmed([link("x"), link("y")]).to_pylist() == [{**link("y"), "confirmed_on": None}]
