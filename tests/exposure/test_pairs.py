"""Passages laid out for each pair of elements, and the law that asks about them."""

from datetime import date
from pathlib import Path

from ringfence.exposure.control import powers
from ringfence.exposure.packets import NOWHERE, OPENING, PASSAGE, PLACE
from ringfence.exposure.pairs import PairParameters, pairs
from ringfence.rules.pack import load_pack
from ringfence.store.duck import Tables
from ringfence.workspace import Workspace

FOUND = {
    "place": PLACE.from_rows([
        {"place": "p1", "element": "a", "origin": "a.cfg:1"},
        {"place": "p2", "element": "a", "origin": "a.cfg:2"},
        {"place": "p1", "element": "b", "origin": "b.cfg:1"},
        {"place": NOWHERE, "element": "z", "origin": "z.cfg:1"},
    ]),
    "opening": OPENING.from_rows([
        {"opening": "o1", "endpoint": "b/ssh", "element": "b"},
        {"opening": "o2", "endpoint": None, "element": "a"},
        {"opening": NOWHERE, "endpoint": "z/ssh", "element": "z"},
    ]),
    "passage": PASSAGE.from_rows([
        {"place": "p1", "opening": "o1", "answer": "not known", "rests_on": "x:1"},
        {"place": "p2", "opening": "o1", "answer": "can", "rests_on": "x:2"},
        {"place": "p1", "opening": "o2", "answer": "can"},
        {"place": "p1", "opening": NOWHERE, "answer": "not known"},
        {"place": NOWHERE, "opening": "o1", "answer": "not known"},
    ]),
}  # fmt: skip


def test_the_best_answer_counts_and_nobody_is_paired_with_himself() -> None:
    found = Tables(dict(pairs(Tables(FOUND), PairParameters())))
    assert found["reach"].to_pylist() == [
        {"source_element": "a", "target_endpoint": "b/ssh", "target_element": "b",
         "answer": "can", "origin": "x:2"}
    ]  # fmt: skip


def test_an_element_without_a_stated_foot_was_not_looked_at() -> None:
    found = Tables(dict(pairs(Tables(FOUND), PairParameters())))
    assert found["exposed"].select(["element", "answer"]).to_pylist() == [
        {"element": "a", "answer": "not known"},
        {"element": "b", "answer": "not known"},
    ]


def test_too_many_pairs_are_not_laid_out() -> None:
    found = Tables(dict(pairs(Tables(FOUND), PairParameters(most=1))))
    assert found["reach"].num_rows == found["exposed"].num_rows == 0


def test_the_law_reads_what_exposure_worked_out(tmp_path: Path) -> None:
    (tmp_path / "element.csv").write_text(
        "element,operator,site,vendor,kind\nems,op,s,Nordwerk,management system\nupf,op,s,Other,box\n"
    )
    (tmp_path / "function.csv").write_text("element,kind\nems,EMS\nupf,UPF\n")
    (tmp_path / "segment.csv").write_text("segment,kind,checks_source\nlan,subnet,true\n")
    (tmp_path / "interface.csv").write_text(
        "interface,element,segment,address,is_management\n"
        "i1,ems,lan,10.0.0.1/24,true\ni2,upf,lan,10.0.0.2/24,false\n"
    )
    (tmp_path / "endpoint.csv").write_text(
        "endpoint,element,service,protocol,port\ne1,ems,SSH,TCP,22\n"
    )
    workspace = Workspace.init(tmp_path / "w", name="test")
    files = [
        tmp_path / f"{n}.csv" for n in ("element", "function", "segment", "interface", "endpoint")
    ]
    workspace.ingest(files, as_of=date(2026, 6, 1))
    network = workspace.network()
    pack = load_pack("uk-security-2022")

    def of_separation() -> set[tuple[str, str]]:
        rows = workspace.judge(network, pack)["finding"].to_pylist()
        return {(r["subject"], r["verdict"]) for r in rows if r["rule"].endswith("/COP-03")}

    before = of_separation()
    assert {verdict for _, verdict in before} == {"unknown"}
    vendor = workspace.vendor(network, "Nordwerk")
    workspace.exposure(
        network, [vendor], ["own-software"], load_pack("uk-dvd-2022"), powers=powers()
    )
    after = of_separation()
    assert any(verdict == "breach" for _, verdict in after), after
