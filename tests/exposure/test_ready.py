"""After a change, what is ready is what would be made anew: facts, verdicts, and proofs that stand."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import VerificationError
from ringfence.exposure import ready as kept
from ringfence.exposure.control import FactParameters
from ringfence.exposure.exposed import Exposure, ExposureParameters
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.exposure.ready import Ready, differences
from ringfence.network.model import NETWORK_TABLES, RELATION
from ringfence.store.duck import Tables, write_parquet
from tests.exposure.powered import DAY, POWERS, Row, core_scope

RULES = FactParameters(POWERS.rules)

ELEMENTS = ("amf", "ems", "gnb", "upf")
SEGMENTS = ("s", "t", None)


def laid_out(rows: Mapping[str, list[Row]]) -> Tables:
    network = Tables({t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES})
    network = network.and_these(dict(packets(network, PacketParameters())))
    return network.and_these({"scope": core_scope()})


def told(network: Tables, ready: Ready | None) -> dict[str, list[Row]]:
    """What is answered, but for the chains, of which another of the same length may be told."""
    ask = ExposureParameters(("v:x",), (POWERS.profile("own-software"),), DAY)
    of = ready or Ready.of(network, RULES)
    tables = network.and_these({"fact": of.graph.fact})
    found = Exposure(tables, ask, (of.graph, of.index)).answer()
    return {n: t.to_pylist() for n, t in found.items() if n != "chain"}


def as_bag(facts: pa.Table) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row.values()) for row in facts.to_pylist())


def base() -> dict[str, list[Row]]:
    return {
        "vendor": [
            {"id": "v:x", "name": "X", "is_independent": True},
            {"id": "v:o", "name": "O", "is_independent": True},
        ],
        "operator": [{"id": "op"}],
        "element": [
            {"id": e, "vendor": v, "operator": "op", "origin": f"e.csv:{n}"}
            for n, (e, v) in enumerate(zip(ELEMENTS, ("v:o", "v:x", "v:x", "v:o"), strict=True), 2)
        ],
        "function": [{"element": "amf", "kind": "AMF"}, {"element": "upf", "kind": "UPF"}],
        "segment": [{"id": "s", "kind": "subnet"}, {"id": "t", "kind": "subnet"}],
        "interface": [
            {"id": "amf/0", "element": "amf", "segment": "s", "address": "10.0.0.1/24"},
            {"id": "gnb/0", "element": "gnb", "segment": "s", "address": "10.0.0.3/24"},
        ],
        "endpoint": [
            {"id": "amf/n2", "element": "amf", "service": "NGAP", "protocol": "SCTP",
             "port": 38412, "address": "10.0.0.1"},
            {"id": "amf/ssh", "element": "amf", "service": "SSH", "protocol": "TCP", "port": 22,
             "authentication": "password"},
        ],
        "relation": [{"source": "ems", "target": "gnb", "kind": "manages"}],
    }  # fmt: skip


ELEMENT = st.sampled_from(ELEMENTS)
ROWS: dict[str, st.SearchStrategy[Row]] = {
    "relation": st.fixed_dictionaries(
        {
            "source": ELEMENT,
            "target": ELEMENT,
            "kind": st.sampled_from(
                ["manages", "administers", "authenticates", "synchronises", "anchors", "mirrors"]
            ),
            "origin": st.sampled_from(["r:1", "r:2"]),
        }
    ),
    "element": st.fixed_dictionaries(
        {
            "id": ELEMENT,
            "vendor": st.sampled_from(["v:x", "v:o", None]),
            "operator": st.sampled_from(["op", None]),
            "forwards_packets": st.sampled_from([True, False, None]),
        }
    ),
    "function": st.fixed_dictionaries(
        {"element": ELEMENT, "kind": st.sampled_from(["AMF", "UPF", "UDM"])}
    ),
    "interface": st.fixed_dictionaries(
        {
            "id": st.sampled_from([f"{e}/{n}" for e in ELEMENTS for n in (0, 1)]),
            "element": ELEMENT,
            "segment": st.sampled_from(SEGMENTS),
            "address": st.sampled_from(["10.0.0.1/24", "10.0.0.2/24", None]),
        }
    ),
    "endpoint": st.fixed_dictionaries(
        {
            "id": st.sampled_from([f"{e}/p{n}" for e in ELEMENTS for n in (0, 1)]),
            "element": ELEMENT,
            "service": st.sampled_from(["SSH", "GTP-U", "NGAP", "PFCP", "SBI", None]),
            "authentication": st.sampled_from(["none", "password", "two persons", None]),
            "encryption": st.sampled_from(["none", "TLS", None]),
            "address": st.sampled_from(["10.0.0.1", None]),
        }
    ),
    "segment": st.fixed_dictionaries(
        {"id": st.sampled_from(["s", "t"]), "checks_source": st.sampled_from([True, False, None])}
    ),
    "link": st.fixed_dictionaries(
        {
            "id": st.sampled_from(["l", "m"]),
            "source": ELEMENT,
            "target": ELEMENT,
            "is_encrypted": st.sampled_from([True, False, None]),
        }
    ),
    "component": st.fixed_dictionaries({"id": st.just("c"), "element": ELEMENT}),
    "affected": st.fixed_dictionaries(
        {
            "vulnerability": st.just("CVE-1"),
            "subject": st.just("c"),
            "component": st.just("c"),
            "status": st.sampled_from(["affected", "under investigation", "fixed"]),
        }
    ),
    "vulnerability": st.fixed_dictionaries(
        {"id": st.just("CVE-1"), "exploited_since": st.sampled_from([date(2025, 1, 1), None])}
    ),
}
KEYS = {t.name: t.key for t in NETWORK_TABLES}


def changed(rows: Mapping[str, list[Row]], data: st.DataObject) -> dict[str, list[Row]]:
    """Rows put in, taken out and altered; a row put in with a key that is there takes its place."""
    after = {name: list(of) for name, of in rows.items()}
    for name in data.draw(st.lists(st.sampled_from(sorted(ROWS)), min_size=1, max_size=4)):
        of = after.setdefault(name, [])
        is_taken_out = data.draw(st.booleans())
        if of and is_taken_out:
            of.pop(data.draw(st.integers(0, len(of) - 1)))
            continue
        row = data.draw(ROWS[name])
        key = [row.get(k) for k in KEYS[name]]
        after[name] = [r for r in of if [r.get(k) for k in KEYS[name]] != key] + [row]
    return after


@pytest.mark.slow
@settings(max_examples=8)
@given(st.data())
def test_after_any_change_it_is_what_a_whole_run_gives(data: st.DataObject) -> None:
    rows = base()
    network = laid_out(rows)
    ready = Ready.of(network, RULES)
    for _ in range(data.draw(st.integers(1, 2))):
        rows = changed(rows, data)
        after = laid_out(rows)
        ready = ready.changed(network, after)
        network = after
        anew = Ready.of(after, RULES)
        assert as_bag(ready.graph.fact) == as_bag(anew.graph.fact)
        assert told(after, ready) == told(after, anew)


def test_after_very_many_changes_the_index_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_LAID_OVER", 2)
    network = laid_out(base())
    after = laid_out({**base(), "relation": []})
    later = laid_out(
        {
            **base(),
            "relation": [{"source": "ems", "target": e, "kind": "manages"} for e in ELEMENTS],
        }
    )
    ready = Ready.of(network, RULES).changed(network, after)
    assert ready.made.gone.num_rows == 1
    ready = ready.changed(after, later)
    assert ready.made.gone.num_rows == ready.made.more.num_rows == 0
    assert told(later, ready) == told(later, None)


def test_what_is_unchanged_is_not_asked_again() -> None:
    network = laid_out(base())
    ready = Ready.of(network, RULES)
    assert ready.changed(network, network) is ready
    assert ready.changed(network, laid_out(base())) is ready
    # A name that no power turns on is a change of the table and of no fact.
    named = base()
    named["segment"][0]["name"] = "renamed"
    assert set(differences(network, laid_out(named))) == {"segment"}
    assert ready.changed(network, laid_out(named)) is ready


def test_what_was_kept_on_disk_answers_the_same_and_takes_changes(tmp_path: Path) -> None:
    network = laid_out(base())
    more = {**base(), "relation": [{"source": "ems", "target": "amf", "kind": "manages"}]}
    after = laid_out(more)
    ready = Ready.of(network, RULES).changed(network, after)
    ready.save(tmp_path)
    opened = Ready.load(tmp_path, RULES)
    assert told(after, opened) == told(after, ready) == told(after, None)
    assert told(network, opened.changed(after, network)) == told(network, None)
    (tmp_path / "nodes.arrow").write_bytes(b"broken")
    with pytest.raises(VerificationError, match="damaged"):
        Ready.load(tmp_path, RULES)


def test_files_that_are_the_same_are_not_read(tmp_path: Path) -> None:
    network = laid_out(base())
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in network:
            write_parquet(network[name], tmp_path / folder / f"{name}.parquet")
    one, two = (
        Tables({n: tmp_path / folder / f"{n}.parquet" for n in network})
        for folder in ("one", "two")
    )
    assert differences(one, two) == {}
    row = {"source": "ems", "target": "amf", "kind": "manages"}
    write_parquet(
        pa.concat_tables([network["relation"], RELATION.from_rows([row])]),
        tmp_path / "two" / "relation.parquet",
    )
    two = Tables({n: tmp_path / "two" / f"{n}.parquet" for n in network})
    (only,) = differences(one, two).items()
    assert (only[0], only[1].gone.num_rows, only[1].more.num_rows) == ("relation", 0, 1)
    assert told(two, Ready.of(one, RULES).changed(one, two)) == told(two, None)
