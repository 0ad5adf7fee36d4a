"""The catalogue of network functions: what it says, and what it refuses to guess."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.network import functions
from ringfence.network.functions import (
    DOMAINS,
    FUNCTION_KIND,
    catalogue,
    normalise,
    resolve_kind,
    resolve_kinds,
    suggest_kinds,
)

CSV = Path(functions.__file__).with_name("functions.csv")


def test_every_row_of_the_catalogue_is_sound() -> None:
    assert FUNCTION_KIND.faults(catalogue()) == []
    kinds = catalogue()["kind"].to_pylist()
    assert len(kinds) == len(set(kinds)) > 200
    assert set(catalogue()["domain"].to_pylist()) == set(DOMAINS)


def test_no_name_means_two_kinds() -> None:
    with CSV.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    owners: dict[str, set[str]] = {}
    for row in rows:
        for name in (row["kind"], row["name"], *row["also_called"].split(";")):
            if name.strip():
                owners.setdefault(normalise(name), set()).add(row["kind"])
    assert {name: kinds for name, kinds in owners.items() if len(kinds) > 1} == {}
    assert all(name for name in owners)


# From the table of contents of 3GPP TS 23.501 (Release 18), clause 6.2.
CLAUSES_OF_TS_23501 = {
    "AMF": "6.2.1",
    "SMF": "6.2.2",
    "UPF": "6.2.3",
    "PCF": "6.2.4",
    "NEF": "6.2.5",
    "NRF": "6.2.6",
    "UDM": "6.2.7",
    "AUSF": "6.2.8",
    "N3IWF": "6.2.9",
    "TNGF": "6.2.9A",
    "AF": "6.2.10",
    "UDR": "6.2.11",
    "UDSF": "6.2.12",
    "SMSF": "6.2.13",
    "NSSF": "6.2.14",
    "5G-EIR": "6.2.15",
    "LMF": "6.2.16",
    "GMLC": "6.2.16A",
    "SEPP": "6.2.17",
    "NWDAF": "6.2.18",
    "SCP": "6.2.19",
    "W-AGF": "6.2.20",
    "UCMF": "6.2.21",
    "TWIF": "6.2.22",
    "NSSAAF": "6.2.23",
    "DCCF": "6.2.24",
    "MFAF": "6.2.25",
    "ADRF": "6.2.26",
    "MB-SMF": "6.2.27",
    "MB-UPF": "6.2.27a",
    "MBSF": "6.2.27b",
    "MBSTF": "6.2.27c",
    "NSACF": "6.2.28",
    "TSCTSF": "6.2.29",
    "5G-DDNMF": "6.2.30",
    "EASDF": "6.2.31",
    "TSN AF": "6.2.32",
    "NSWOF": "6.2.33",
}


def test_clauses_of_the_5g_core_are_those_of_ts_23501() -> None:
    said = {
        row["kind"]: (row["clause"] or "").removeprefix("3GPP TS 23.501 clause ")
        for row in catalogue().to_pylist()
        if (row["clause"] or "").startswith("3GPP TS 23.501 clause 6.")
    }
    assert said == CLAUSES_OF_TS_23501


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("AMF", "AMF"),
        ("amf", "AMF"),
        ("Access and Mobility Management Function", "AMF"),
        ("gNodeB", "GNB"),
        ("gNB-DU", "GNBDU"),
        ("GNBDUFunction", "GNBDU"),
        ("O-DU", "GNBDU"),
        ("gNB-CU-UP", "GNBCUUP"),
        ("eNodeB", "ENB"),
        ("Node B", "NODEB"),
        ("OLT chassis", "OLT"),
        ("P-GW", "PGW"),
        ("SGW-C", "SGW-C"),
        ("Near-RT RIC", "near-RT RIC"),
        ("SecGW", "SEG"),
        ("DWDM", "WDM"),
        ("cell-site router", "cell site router"),
        (
            "\N{FULLWIDTH LATIN CAPITAL LETTER U}PF",
            "UPF",
        ),  # full width, as an East Asian export writes
        ("  UPF ", "UPF"),
        ("SMS-F", "SMSF"),
        ("bastion", "jump host"),
    ],
)
def test_a_known_name_finds_its_kind(written: str, kind: str) -> None:
    assert resolve_kind(written) == kind


@pytest.mark.parametrize(
    "written", ["MME/AMF", "UDM/HSS", "AMFX", "AM", "", "  ", "-", "gateway", "orchestrator", None]
)
def test_what_is_not_exactly_a_name_is_not_guessed(written: str | None) -> None:
    assert resolve_kind(written) is None


def test_every_kind_and_full_name_resolves_to_itself() -> None:
    for row in catalogue().to_pylist():
        assert resolve_kind(row["kind"]) == row["kind"]
        assert resolve_kind(row["name"]) == row["kind"]


def test_unknown_kinds_stay_as_written_and_nulls_stay_null() -> None:
    values = pa.chunked_array([["gNodeB", None], ["MME/AMF", "amf", "gNodeB"]])
    assert resolve_kinds(values).to_pylist() == ["GNB", None, "MME/AMF", "AMF", "GNB"]
    assert resolve_kinds(pa.array([], pa.string())).to_pylist() == []
    assert resolve_kinds(pa.array([None, None], pa.null())).to_pylist() == [None, None]


@given(st.lists(st.none() | st.sampled_from(["amf", "Node B", "what?"]) | st.text(max_size=8)))
def test_a_column_resolves_as_its_values_do(written: list[str | None]) -> None:
    resolved = resolve_kinds(pa.array(written, pa.string())).to_pylist()
    assert resolved == [resolve_kind(text) or text for text in written]
    # Resolving what has been resolved changes nothing.
    assert resolve_kinds(pa.array(resolved, pa.string())).to_pylist() == resolved


def test_suggestions_name_each_part_of_a_compound() -> None:
    assert suggest_kinds("MME/AMF")[:2] == ["AMF", "MME"]
    assert suggest_kinds("UDM/HSS")[:2] == ["HSS", "UDM"]
    assert suggest_kinds("Primary eNodeB north") == ["ENB"]
    assert "aggregation router" in suggest_kinds("agregation router")
    assert suggest_kinds("") == []


@given(st.text(max_size=30))
def test_suggestions_are_kinds_and_few(text: str) -> None:
    found = suggest_kinds(text)
    assert len(found) <= functions.SUGGESTED_AT_MOST
    assert len(found) == len(set(found))
    assert pc.all(pc.is_in(pa.array(found, pa.string()), catalogue()["kind"])).as_py() is not False
    assert found == suggest_kinds(text)
