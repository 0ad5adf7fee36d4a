"""Each power on a network where it is at work, and on one where it is not, answered by hand."""

from collections.abc import Mapping

import pytest

from tests.exposure.powered import ALL, Row, answer, judged, network, relation, verdicts

# What crosses a segment in the clear


def together(
    made: Mapping[str, str | None], served: Row, *, members: str = "amf g1 g2", **segment: object
) -> dict[str, list[Row]]:
    """Elements with a foot in one segment, and what the AMF, or the UPF, listens on there."""
    rows = network(made)
    inside = members.split()
    rows["segment"] = [*rows["segment"], {"id": "lan", "kind": "VLAN", **segment}]
    rows["interface"] = [i for i in rows["interface"] if i["element"] not in inside] + [
        {"id": f"{e}/lan", "element": e, "segment": "lan", "address": f"10.1.0.{n}/24",
         "origin": f"{e}.cfg:7"}
        for n, e in enumerate(inside, 1)
    ]  # fmt: skip
    listens = {"id": "p", "element": "amf", "address": "10.1.0.1", "origin": "amf.cfg:9", **served}
    rows["endpoint"] = [
        e for e in rows["endpoint"] if e["element"] != listens["element"]
    ] + [listens]  # fmt: skip
    return rows


THREE = {"amf": "v:o", "g1": "v:x", "g2": "v:o"}
N2: Row = {"service": "NGAP", "protocol": "SCTP", "port": 38412}


def reads_and_stops(verdict: str) -> dict[tuple[str, str], str]:
    return {("amf", "control"): "holds", ("amf", "read"): verdict, ("amf", "stop"): verdict}


@pytest.mark.parametrize(
    ("encryption", "checks", "members", "verdict"),
    [
        ("none", False, "amf g1 g2", "breached"),
        ("IPsec", False, "amf g1 g2", "holds"),
        ("none", True, "amf g1 g2", "holds"),
        # Between two alone nothing crosses but what is their own.
        ("none", False, "amf g1", "holds"),
        (None, False, "amf g1 g2", "unknown"),
        ("none", None, "amf g1 g2", "unknown"),
    ],
)
def test_n2_in_the_clear_is_read_and_altered_by_another_member_of_its_segment(
    encryption: str | None, checks: bool | None, members: str, verdict: str
) -> None:
    rows = together(THREE, {**N2, "encryption": encryption}, members=members, checks_source=checks)
    assert judged(rows) == reads_and_stops(verdict)


def test_what_members_cannot_send_to_each_other_they_cannot_take() -> None:
    rows = together(THREE, {**N2, "encryption": "none"}, checks_source=False, isolates_members=True)
    assert judged(rows) == reads_and_stops("holds")


def test_the_chain_to_n2_in_the_clear_names_each_line() -> None:
    rows = together(THREE, {**N2, "encryption": "none"}, checks_source=False, origin="lan.cfg:3")
    steps = [r for r in answer(rows)["chain"].to_pylist() if r["effect"] == "read"]
    assert [(r["rule"], r["origin"]) for r in steps] == [
        ("own-software", "e.csv:3"),
        ("shares-segment", "g1.cfg:7"),
        ("takes-signalling", "amf.cfg:9\nlan.cfg:3"),
        ("reads-what-it-is-amid", "amf.cfg:9"),
    ]


@pytest.mark.parametrize("service", ["GTP-U", "S1AP", "XnAP", "X2AP", "F1AP", "E1AP", "Diameter"])
def test_s1_xn_f1_and_n3_in_the_clear_are_as_open_as_n2(service: str) -> None:
    rows = together(THREE, {"service": service, "encryption": "none"}, checks_source=False)
    assert judged(rows) == reads_and_stops("breached")


def test_a_router_is_amid_what_it_passes_on_though_addresses_are_checked() -> None:
    for forwards, verdict in ((True, "breached"), (False, "holds")):
        rows = together(
            {**THREE, "g1": "v:o", "router": "v:x"}, {**N2, "encryption": "none"},
            members="amf g2 router", checks_source=True,
        )  # fmt: skip
        rows["element"] = [
            {**e, "forwards_packets": forwards if e["id"] == "router" else False}
            for e in rows["element"]
        ]
        assert judged(rows) == reads_and_stops(verdict)


@pytest.mark.parametrize("lost", ["g1", "amf"])
def test_an_element_without_a_stated_foot_may_stand_in_any_segment(lost: str) -> None:
    rows = together(THREE, {**N2, "encryption": "none"}, checks_source=False)
    assert judged(rows)["amf", "read"] == "breached"
    rows["interface"] = [i for i in rows["interface"] if i["element"] != lost]
    assert judged(rows)["amf", "read"] == "unknown"


def test_who_stops_the_user_plane_stops_the_traffic_of_those_it_anchors() -> None:
    rows = together(THREE, {"service": "GTP-U", "encryption": "none"}, checks_source=False)
    rows["function"] = [{"element": "amf", "kind": "UPF"}, {"element": "g2", "kind": "GNB"}]
    rows["site"] = [{"id": "s", "operator": "op"}]
    rows["element"] = [{**e, "site": "s" if e["id"] == "g2" else None} for e in rows["element"]]
    rows["demand"] = [{"site": "s", "kind": "voice", "people": 50.0}]
    for anchors, low in (([relation("amf", "g2", "anchors")], 50.0), ([], 0.0)):
        told = answer({**rows, "relation": anchors})["affected_people"].to_pylist()
        # Without a relation, whom it anchors is not known: at least nobody, at most everybody.
        assert [(r["people_low"], r["people_high"]) for r in told] == [(low, 50.0)] * 2


# --- powers over the traffic of an element or of an operator


@pytest.mark.parametrize(
    ("kind", "effects"),
    [("mirrors", {"read"}), ("licenses", {"stop"}), ("synchronises", {"stop"}), ("anchors", {"read", "stop"})],
)  # fmt: skip
def test_a_power_has_its_own_effects_and_no_others(kind: str, effects: set[str]) -> None:
    rows = network({"amf": "v:o", "other": "v:x"}, relation=[relation("other", "amf", kind)])
    found = judged(rows)
    assert {e for (_, e), v in found.items() if v == "breached"} == effects
    assert {e for (_, e), v in found.items() if v == "holds"} == {*ALL} - effects
    # Another's probe, licence server or clock has the same power, and it is not the vendor's.
    rows = network({"amf": "v:o", "other": "v:o"}, relation=[relation("other", "amf", kind)])
    assert set(judged(rows).values()) == {"holds"}


def test_a_shared_link_in_the_clear_is_read_from_its_other_end() -> None:
    for is_encrypted, verdict in ((False, "breached"), (None, "unknown"), (True, "holds")):
        link = {"id": "l", "source": "hop", "target": "amf", "is_encrypted": is_encrypted}
        found = verdicts(answer(network({"amf": "v:o", "hop": "v:x"}, link=[link])))
        assert found == {
            ("amf", "control"): "holds", ("amf", "read"): verdict, ("amf", "stop"): "holds"
        }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "vendor", "low"),
    [("LI ADMF", "v:x", 50.0), ("UDM", "v:x", 50.0), ("HSS", "v:x", 50.0), ("SIM platform", "v:x", 50.0),
     ("UDM", "v:o", 0.0), ("NRF", "v:x", 0.0), ("LEMF", "v:x", 0.0)],
)  # fmt: skip
def test_interception_and_subscriber_keys_read_everybody_of_the_operator(
    kind: str, vendor: str, low: float
) -> None:
    rows = network({"amf": "v:o", "it": vendor, "g1": "v:o", "g9": "v:o"})
    rows["operator"] = [{"id": "op"}, {"id": "other"}]
    rows["function"] += [{"element": "it", "kind": kind}, {"element": "g1", "kind": "GNB"},
                         {"element": "g9", "kind": "GNB"}]  # fmt: skip
    rows["site"] = [{"id": "s1", "operator": "op"}, {"id": "s9", "operator": "other"}]
    where = {"g1": ("s1", "op"), "g9": ("s9", "other")}
    rows["element"] = [
        {**e, "site": where.get(e["id"], (None,))[0], "operator": where.get(e["id"], (0, "op"))[1]}
        for e in rows["element"]
    ]
    rows["demand"] = [{"site": "s1", "kind": "voice", "people": 50.0},
                      {"site": "s9", "kind": "voice", "people": 7.0}]  # fmt: skip
    read, stop = answer(rows)["affected_people"].to_pylist()
    assert (read["people_low"], read["people_high"]) == (low, low)
    assert stop["people_high"] == 0.0
    # Whose it is, is not stated: it may be anybody's.
    rows["element"] = [
        {**e, "operator": None if e["id"] == "it" else e["operator"]} for e in rows["element"]
    ]
    read, _ = answer(rows)["affected_people"].to_pylist()
    assert (read["people_low"], read["people_high"]) == (0.0, 57.0 if low else 0.0)


def test_two_persons_have_to_log_in_together() -> None:
    def found(how: str | None, *jumps: str, more: tuple[Row, ...] = ()) -> str:
        made = {"amf": "v:o", "j1": "v:x" if "j1" in jumps else "v:o",
                "j2": "v:x" if "j2" in jumps else "v:o"}  # fmt: skip
        rows = network(made, relation=[relation(j, "amf", "administers") for j in ("j1", "j2")])
        ssh = {"id": "amf/ssh", "element": "amf", "service": "SSH", "address": "127.0.0.1",
               "authentication": how}  # fmt: skip
        rows["endpoint"] = [e for e in rows["endpoint"] if e["element"] != "amf"] + [ssh, *more]
        return judged(rows)["amf", "control"]

    assert found("two persons", "j1") == "holds"
    assert found("two persons", "j1", "j2") == "breached"
    assert found("password", "j1") == "breached"
    assert found(None, "j1") == "breached"
    # One service that lets in a single person is enough.
    web = {"id": "amf/web", "element": "amf", "service": "HTTPS", "address": "127.0.0.1",
           "authentication": "password"}  # fmt: skip
    assert found("two persons", "j1", more=(web,)) == "breached"


def test_a_service_nobody_named_may_be_one_that_obeys() -> None:
    for service, verdict in ((None, "unknown"), ("metrics", "holds")):
        found = answer(together(THREE, {"service": service, "port": 7}, checks_source=True))
        assert verdicts(found) == {("amf", e): verdict for e in ALL}
    for how, verdict in ((None, "unknown"), ("none", "unknown"), ("certificate", "holds")):
        found = answer(together(THREE, {"authentication": how, "port": 7}, checks_source=True))
        assert verdicts(found)["amf", "control"] == verdict
