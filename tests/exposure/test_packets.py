"""Who can send a packet to whom, on networks small enough to answer by hand."""

from typing import Any

import pytest

from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Answers = dict[tuple[str, str], str]

NAMES = ("element", "segment", "interface", "endpoint", "boundary", "filter", "group_member",
         "route", "translation")  # fmt: skip


def answers(**rows: list[Row]) -> Answers:
    """The best answer for each pair of elements; a pair that is not there cannot."""
    given = {name: TABLES[name].from_rows(rows.get(name, [])) for name in NAMES}
    found = packets(Tables(given), PacketParameters())
    told = Tables(dict(found)).query(
        "SELECT p.element AS source, o.element AS target, min(g.answer) AS answer FROM passage g "
        "JOIN place p ON p.place = g.place JOIN opening o ON o.opening = g.opening "
        "WHERE p.element <> o.element GROUP BY ALL"
    )
    # "can" sorts before "not known".
    return {(r["source"], r["target"]): r["answer"] for r in told.to_pylist()}


def host(name: str, **facts: Any) -> Row:
    return {"id": name, "kind": "host", "forwards_packets": False, "origin": name, **facts}


def foot(element: str, segment: str, address: str | None = None, **facts: Any) -> Row:
    name = f"{element}/{segment}"
    return {"id": name, "element": element, "segment": segment, "address": address,
            "origin": name, **facts}  # fmt: skip


def ssh(element: str, **facts: Any) -> Row:
    return {"id": f"{element}/ssh", "element": element, "protocol": "TCP", "port": 22, **facts}


def segment(key: str, **facts: Any) -> Row:
    return {"id": key, "kind": "subnet", "origin": key, "checks_source": True, **facts}


TWO = {
    "segment": [segment("lan"), segment("other")],
    "element": [host("a"), host("b"), host("c")],
    "interface": [
        foot("a", "lan", "10.0.0.1/24"),
        foot("b", "lan", "10.0.0.2/24"),
        foot("c", "other", "10.0.1.3/24"),
    ],
    "endpoint": [ssh("b"), ssh("c")],
}


def test_who_shares_a_segment_can_and_who_does_not_cannot() -> None:
    found = answers(**TWO)
    assert found == {("a", "b"): "can", ("b", "a"): "can"}


def test_a_name_joins_nothing() -> None:
    named = [segment("lan", name="N2"), segment("other", name="N2")]
    assert ("a", "c") not in answers(**{**TWO, "segment": named})


def test_an_element_without_a_stated_foot_may_be_anywhere() -> None:
    found = answers(**{**TWO, "element": [*TWO["element"], host("d")], "endpoint": [ssh("b")]})
    assert {found[pair] for pair in (("d", "b"), ("d", "c"), ("a", "d"))} == {"not known"}


def test_a_foot_that_is_switched_off_is_none() -> None:
    feet = [foot("a", "lan", "10.0.0.1/24", is_up=False), *TWO["interface"][1:]]
    assert answers(**{**TWO, "interface": feet})["a", "b"] == "not known"


# --- lists


def bounded(default: str | None, *entries: Row, **facts: Any) -> dict[str, list[Row]]:
    boundary = {"id": "at-b", "element": "b", "direction": "in", "default_action": default,
                "origin": "b.acl:1", **facts}  # fmt: skip
    rows = [
        {"id": str(n), "boundary": "at-b", "tier": 0, "position": n, "origin": f"b.acl:{n}", **e}
        for n, e in enumerate(entries, 2)
    ]
    return {**TWO, "boundary": [boundary], "filter": rows}


ALLOW, DENY, PASS = ({"action": action} for action in ("allow", "deny", "pass"))


@pytest.mark.parametrize(
    ("default", "entries", "answer"),
    [
        ("deny", [], None),
        ("allow", [], "can"),
        (None, [], "not known"),
        ("deny", [ALLOW | {"source_range": "10.0.0.0/24"}], "can"),
        ("deny", [ALLOW | {"source_range": "10.0.0.2/32"}], None),
        ("deny", [ALLOW | {"destination_ports": "20-22", "protocol": "TCP"}], "can"),
        ("deny", [ALLOW | {"destination_ports": "23-25"}], None),
        ("deny", [ALLOW | {"protocol": "udp"}], None),
        ("deny", [ALLOW | {"protocol": "6"}], "can"),
        # The first match decides.
        ("deny", [DENY | {"source_range": "10.0.0.1/32"}, ALLOW], None),
        ("deny", [ALLOW | {"source_range": "10.0.0.1/32"}, DENY], "can"),
        # Any source port may be chosen by who sends.
        ("deny", [DENY | {"source_ports": "0-65534"}, ALLOW], "can"),
        ("deny", [DENY | {"source_ports": "0-65535"}, ALLOW], None),
        ("deny", [ALLOW | {"is_answer_only": True}], None),
        ("deny", [ALLOW | {"is_understood": False}], "not known"),
        ("allow", [DENY | {"is_understood": False}], "not known"),
        ("allow", [DENY | {"source_range": "ten"}], "not known"),
        ("deny", [ALLOW | {"source_range": "2001:db8::/32"}], None),
        # pass leads to the next list, and past what follows in its own.
        ("deny", [PASS, DENY, ALLOW | {"tier": 1}], "can"),
        ("allow", [PASS, ALLOW, DENY | {"tier": 1}], None),
    ],
)  # fmt: skip
def test_a_list_is_gone_through_in_order(
    default: str | None, entries: list[Row], answer: str | None
) -> None:
    assert answers(**bounded(default, *entries)).get(("a", "b")) == answer


def test_a_boundary_whose_rules_were_not_given_is_not_known() -> None:
    assert answers(**bounded("deny", has_rules_stated=False))["a", "b"] == "not known"


def test_forging_a_source_address_is_reckoned_with() -> None:
    only_friend = bounded("deny", ALLOW | {"source_range": "10.0.0.77/32"})
    for checks, answer in ((True, None), (None, "not known"), (False, "can")):
        segments = [segment("lan", checks_source=checks), segment("other")]
        assert answers(**{**only_friend, "segment": segments}).get(("a", "b")) == answer


def test_groups_are_told_by_who_sends_and_uncertain_members_are_not_known() -> None:
    listed = bounded("deny", ALLOW | {"source_group": "friends"})
    for certain, answer in ((True, "can"), (False, "not known")):
        members = [{"group": "friends", "element": "a", "is_certain": certain}]
        assert answers(**{**listed, "group_member": members}).get(("a", "b")) == answer
    assert answers(**{**listed, "group_member": []}).get(("a", "b")) is None


def test_an_address_that_is_not_stated_may_be_in_a_range() -> None:
    feet = [foot("a", "lan"), *TWO["interface"][1:]]
    for text, answer in (("10.0.0.1/32", "not known"), ("0.0.0.0/0", "can")):
        listed = bounded("deny", ALLOW | {"source_range": text})
        assert answers(**{**listed, "interface": feet})["a", "b"] == answer


def test_an_address_that_is_not_stated_is_of_the_other_ends_family() -> None:
    # b takes packets in at an IPv4 address: what is said of all of IPv6 is not said of them.
    feet = [foot("a", "lan"), *TWO["interface"][1:]]
    listed = bounded("allow", DENY | {"source_range": "::/0"})
    assert answers(**{**listed, "interface": feet})["a", "b"] == "can"
    # Where neither is stated, all of one family may be all there is, or nothing of it.
    listed = bounded("deny", ALLOW | {"source_range": "0.0.0.0/0"})
    nowhere = [foot("a", "lan"), foot("b", "lan")]
    assert answers(**{**listed, "interface": nowhere})["a", "b"] == "not known"
    listed = bounded("allow", DENY | {"destination_range": "::/0"})
    assert answers(**{**listed, "interface": nowhere})["a", "b"] == "not known"


def test_its_own_list_does_not_bind_a_hostile_host_but_a_container() -> None:
    listed = bounded("deny")
    listed["boundary"] = [listed["boundary"][0] | {"element": "a", "direction": "out"}]
    assert answers(**listed)["a", "b"] == "can"
    held = [host("a", kind="container"), host("b"), host("c")]
    assert ("a", "b") not in answers(**{**listed, "element": held})


# --- routers


def routed(**more: Any) -> dict[str, list[Row]]:
    router = host("r", forwards_packets=True)
    feet = [foot("r", "lan", "10.0.0.254/24"), foot("r", "other", "10.0.1.254/24")]
    silent = {"id": "none", "element": "r", "protocol": "TCP", "port": 1, "address": "127.0.0.1"}
    return {
        **TWO,
        "element": [*TWO["element"], router],
        "interface": [*TWO["interface"], *feet],
        "endpoint": [*TWO["endpoint"], silent],
        **more,
    }


def test_a_router_passes_on_what_it_is_connected_to() -> None:
    assert answers(**routed())["a", "c"] == "can"


def test_whether_it_passes_packets_on_may_not_be_stated() -> None:
    elements = [*TWO["element"], host("r", forwards_packets=None)]
    assert answers(**routed(element=elements))["a", "c"] == "not known"
    elements = [*TWO["element"], host("r", forwards_packets=False)]
    assert ("a", "c") not in answers(**routed(element=elements))


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"direction": "in", "interface": "r/lan"}, None),
        ({"direction": "in", "interface": "r/other"}, "can"),
        ({"direction": "out", "interface": "r/other"}, None),
        ({"direction": "out", "interface": "r/lan"}, "can"),
        ({"direction": "through"}, None),
        ({"direction": "through", "interface": "r/lan", "to_interface": "r/other"}, None),
        ({"direction": "through", "interface": "r/other", "to_interface": "r/lan"}, "can"),
        ({"direction": None}, "not known"),
        ({"direction": "in", "interface": "r/gone"}, "not known"),
    ],
)
def test_a_list_binds_at_its_interface_and_in_its_direction(facts: Row, answer: str | None) -> None:
    wall = {"id": "wall", "element": "r", "default_action": "deny", **facts}
    assert answers(**routed(boundary=[wall])).get(("a", "c")) == answer


FAR = {
    "segment": [segment("lan"), segment("mid"), segment("far")],
    "element": [host("a"), host("c"), host("r1", forwards_packets=True),
                host("r2", forwards_packets=True)],
    "interface": [
        foot("a", "lan", "10.0.0.1/24"), foot("c", "far", "10.0.9.3/24"),
        foot("r1", "lan", "10.0.0.254/24"), foot("r1", "mid", "10.0.5.1/30"),
        foot("r2", "mid", "10.0.5.2/30"), foot("r2", "far", "10.0.9.254/24"),
    ],
    "endpoint": [ssh("c")],
}  # fmt: skip


def route(to: str, hop: str | None, **facts: Any) -> Row:
    return {"element": "r1", "destination_range": to, "next_hop": hop, "kind": "static",
            "origin": "r1.cfg:9", **facts}  # fmt: skip


NOTHING_ELSE = route("0.0.0.0/0", None, kind="discard")


@pytest.mark.parametrize(
    ("routes", "answer"),
    [
        ([route("10.0.9.0/24", "10.0.5.2")], "can"),
        ([route("0.0.0.0/0", "10.0.5.2")], "can"),
        # The longer prefix is used, then the lower preference.
        ([route("10.0.0.0/16", "10.0.5.2"), route("10.0.9.0/24", None, kind="discard")], None),
        ([route("10.0.9.0/24", "10.0.5.2", preference=5),
          route("10.0.9.0/24", None, kind="discard", preference=1)], None),
        ([route("10.0.9.0/24", "10.0.5.2", preference=1),
          route("10.0.9.0/24", None, kind="discard", preference=5)], "can"),
        # Nobody states where it goes; or the router states that it goes nowhere.
        ([], "not known"),
        ([route("10.0.9.0/24", "10.0.5.3")], "not known"),
        ([NOTHING_ELSE], None),
    ],
)  # fmt: skip
def test_a_router_sends_by_its_table(routes: list[Row], answer: str | None) -> None:
    assert answers(**FAR, route=routes).get(("a", "c")) == answer


def test_where_it_leaves_by_is_not_known_no_list_of_one_foot_stops_it() -> None:
    # r1 states no route to c: it may leave by either foot, and only one of them stops packets.
    wall = {"id": "wall", "element": "r1", "direction": "out", "default_action": "deny"}
    for interface, answer in (("r1/lan", "not known"), ("r1/mid", "not known"), (None, None)):
        found = answers(**FAR, boundary=[{**wall, "interface": interface}])
        assert found.get(("a", "c")) == answer, interface


def test_how_it_is_translated_hangs_on_where_it_leaves_by() -> None:
    # c takes packets from one address, which r1 puts in place only where it leaves by r1/mid.
    rows = {
        **FAR,
        "translation": [{"id": "1", "element": "r1", "kind": "source", "interface": "r1/mid",
                         "source_range": "10.0.0.0/24", "to_range": "10.0.5.1/32"}],
        "boundary": [{"id": "w", "element": "c", "direction": "in", "default_action": "deny"}],
        "filter": [{"id": "f", "boundary": "w", "action": "allow",
                    "source_range": "10.0.5.1/32"}],
    }  # fmt: skip
    assert answers(**rows).get(("a", "c")) == "not known"


def test_routing_domains_are_apart() -> None:
    segments = [
        {"id": "red", "kind": "VRF", "name": "red"},
        segment("lan", parent="red"),
        segment("other"),
    ]
    silent = routed(segment=segments, route=[
        {"element": "r", "routing_domain": d, "destination_range": "0.0.0.0/0", "kind": "discard"}
        for d in (None, "red")
    ])  # fmt: skip
    assert ("a", "c") not in answers(**silent)


def test_a_port_of_a_switch_passes_nothing_on_to_other_segments() -> None:
    ports = [foot("r", "lan"), foot("r", "other", "10.0.1.254/24")]
    vlan = [segment("lan", kind="VLAN"), segment("other")]
    feet = [*TWO["interface"], *ports]
    assert ("a", "c") not in answers(**routed(interface=feet, segment=vlan))
    # Outside a VLAN an address that is not there is only not stated.
    assert answers(**routed(interface=feet))["a", "c"] != "cannot"


def test_a_route_is_of_the_routing_domain_it_names() -> None:
    rows = routed(
        segment=[{"id": "v:red", "kind": "VRF", "name": "red"}, segment("lan", parent="v:red"),
                 segment("other", parent="v:red")],
        route=[{"element": "r", "routing_domain": "v:red", "destination_range": "10.0.1.3/32",
                "kind": "discard"}],
    )  # fmt: skip
    assert ("a", "c") not in answers(**rows)


def test_a_host_takes_in_what_is_addressed_to_another_of_its_feet() -> None:
    # b is no router, and answers on its other address all the same.
    rows = {
        **TWO,
        "interface": [*TWO["interface"], foot("b", "other", "10.0.1.2/24")],
        "endpoint": [ssh("b", address="10.0.1.2")],
    }
    assert answers(**rows)["a", "b"] == "can"
    assert ("a", "c") not in answers(**{**rows, "endpoint": [*rows["endpoint"], ssh("c")]})


def test_it_may_take_in_at_any_foot_what_is_addressed_to_one_of_no_stated_address() -> None:
    # b listens on its foot in `other`, whose address nobody stated: a knows it, or may.
    rows = {
        **TWO,
        "interface": [*TWO["interface"], foot("b", "other")],
        "boundary": [{"id": "w", "element": "b", "direction": "in", "default_action": "deny"}],
        "filter": [{"id": "f", "boundary": "w", "action": "allow",
                    "destination_range": "10.0.1.0/24", "source_range": "10.0.0.1/32"}],
    }  # fmt: skip
    assert answers(**rows).get(("a", "b")) == "not known"


def test_addresses_are_translated_on_the_way() -> None:
    listed = routed(
        translation=[
            {"id": "1", "element": "r", "kind": "source", "interface": "r/other",
             "source_range": "10.0.0.0/24", "to_range": "10.0.1.254/32"}
        ],
        boundary=[{"id": "w", "element": "c", "direction": "in", "default_action": "deny"}],
        filter=[{"id": "f", "boundary": "w", "action": "allow", "source_range": "10.0.1.254/32"}],
    )  # fmt: skip
    assert answers(**listed)["a", "c"] == "can"
    assert ("a", "c") not in answers(**{**listed, "translation": []})


def test_a_published_address_leads_inside() -> None:
    # c is reached at the router's own address alone: r routes nothing to it from outside.
    inside = routed(
        translation=[
            {"id": "1", "element": "r", "kind": "destination", "protocol": "TCP",
             "destination_range": "10.0.0.254/32", "destination_ports": "22-22",
             "to_range": "10.0.1.3/32", "to_ports": "22-22"}
        ],
    )  # fmt: skip
    assert answers(**inside)["a", "c"] == "can"


# --- found against the Linux kernel


def test_no_forged_source_is_outside_of_everywhere() -> None:
    listed = bounded("allow", DENY | {"source_range": "0.0.0.0/0"})
    segments = [segment("lan", checks_source=False), segment("other")]
    assert ("a", "b") not in answers(**{**listed, "segment": segments})


def test_a_source_is_of_its_destinations_family() -> None:
    listed = bounded("deny", ALLOW | {"source_range": "2001:db8::/32"})
    segments = [segment("lan", checks_source=False), segment("other")]
    assert ("a", "b") not in answers(**{**listed, "segment": segments})
    both = [foot("a", "lan", "10.0.0.1/24"),
            foot("a", "lan", "2001:db8::1/64", id="a/lan/6"), *TWO["interface"][1:]]  # fmt: skip
    assert ("a", "b") not in answers(**{**listed, "interface": both})


def test_what_is_published_elsewhere_does_not_arrive_here() -> None:
    away = {"id": "1", "element": "r", "kind": "destination", "protocol": "TCP", "position": 0,
            "destination_range": "10.0.1.3/32", "to_range": "10.0.0.2/32"}  # fmt: skip
    assert ("a", "c") not in answers(**routed(translation=[away]))
    for facts in ({"destination_ports": "23-23"}, {"protocol": "UDP"}, {"interface": "r/other"}):
        assert answers(**routed(translation=[away | facts]))["a", "c"] == "can"
    # The first that matches decides, and this one changes nothing.
    same = away | {"id": "0", "to_range": "10.0.1.3/32"}
    assert answers(**routed(translation=[same, away | {"position": 1}]))["a", "c"] == "can"


def test_lists_on_the_way_see_the_port_that_was_asked_for() -> None:
    published = {"id": "1", "element": "r", "kind": "destination", "protocol": "TCP",
                 "destination_range": "10.0.0.254/32", "destination_ports": "2222-2222",
                 "to_range": "10.0.1.3/32", "to_ports": "22-22"}  # fmt: skip
    inside = routed(
        translation=[published],
        boundary=[{"id": "w", "element": "r", "direction": "through", "default_action": "deny"}],
        filter=[{"id": "f", "boundary": "w", "action": "allow", "destination_ports": "22-22"}],
    )
    assert answers(**inside)["a", "c"] == "can"


def test_a_source_that_a_router_puts_in_place_is_in_its_groups() -> None:
    rows = routed(
        translation=[{"id": "1", "element": "r", "kind": "source", "interface": "r/other",
                      "to_range": "10.0.1.254/32"}],
        boundary=[{"id": "w", "element": "c", "direction": "in", "default_action": "deny"}],
        filter=[{"id": "f", "boundary": "w", "action": "allow", "source_group": "routers"}],
        group_member=[{"group": "routers", "element": "r", "is_certain": True}],
    )  # fmt: skip
    assert answers(**rows)["a", "c"] == "can"
    udp = [rows["translation"][0] | {"protocol": "UDP"}]
    assert ("a", "c") not in answers(**{**rows, "translation": udp})


def test_a_neighbour_answers_for_another_interface_in_the_older_family_alone() -> None:
    def through(address: str, own: str, router: str, inside: str) -> str | None:
        rows = {
            "segment": [segment("lan"), segment("mid"), segment("inner")],
            "element": [host("a"), host("b"), host("r", forwards_packets=True)],
            "interface": [foot("a", "lan", own), foot("r", "lan", router), foot("r", "mid", inside),
                          foot("b", "mid"), foot("b", "inner", address)],
            "endpoint": [ssh("b", address=address.partition("/")[0])],
            "route": [{"element": "r", "destination_range": address, "interface": "r/mid",
                       "kind": "static"}],
        }  # fmt: skip
        return answers(**rows).get(("a", "b"))

    assert through("10.9.0.2/32", "10.0.0.1/24", "10.0.0.254/24", "10.0.1.254/24") == "can"
    assert through("fd00:9::2/128", "fd00::1/64", "fd00::fe/64", "fd00:1::fe/64") != "can"


def test_where_members_are_apart_a_router_may_be_the_exception() -> None:
    apart = [segment("lan", isolates_members=True), segment("other")]
    found = answers(**routed(segment=apart))
    assert ("a", "b") not in found or found["a", "b"] == "not known"
    assert found["a", "c"] == found["c", "a"] == "not known"


def test_an_address_that_is_not_stated_may_be_routed_to() -> None:
    feet = [foot("c", "other"), *(f for f in routed()["interface"] if f["element"] != "c")]
    assert answers(**routed(interface=feet))["a", "c"] == "not known"


def test_a_foot_in_no_stated_segment_may_be_in_any_but_a_loopback() -> None:
    for address, answer in (
        ("10.0.9.9/24", "not known"),
        (None, "not known"),
        ("10.9.9.9/32", None),
    ):
        feet = [foot("d", "lan", address) | {"segment": None}, *TWO["interface"]]
        rows = {**TWO, "interface": feet, "element": [*TWO["element"], host("d")]}
        assert answers(**rows).get(("d", "b")) == answer
        assert answers(**rows).get(("a", "d")) == answer


# --- containers


def test_networks_on_one_wire_are_one_domain_unless_they_isolate() -> None:
    def pods(**facts: Any) -> Answers:
        nets = [{"id": n, "kind": "container network", "parent": "wire", "checks_source": True,
                 **facts} for n in ("n3", "n4")]  # fmt: skip
        return answers(
            segment=[{"id": "wire", "kind": "VLAN"}, *nets],
            element=[host("amf", kind="container"), host("upf", kind="container")],
            interface=[foot("amf", "n3", "10.3.0.1/24"), foot("upf", "n4", "10.4.0.1/24")],
            endpoint=[ssh("upf"), ssh("amf")],
        )

    assert pods() == {("amf", "upf"): "can", ("upf", "amf"): "can"}
    apart = answers(
        segment=[{"id": n, "kind": "container network"} for n in ("n3", "n4")],
        element=[host("amf", kind="container"), host("upf", kind="container")],
        interface=[foot("amf", "n3", "10.3.0.1/24"), foot("upf", "n4", "10.4.0.1/24")],
        endpoint=[ssh("upf"), ssh("amf")],
    )
    assert apart == {}


def test_members_of_an_isolating_segment_do_not_meet() -> None:
    segments = [segment("lan", isolates_members=True), segment("other")]
    assert ("a", "b") not in answers(**{**TWO, "segment": segments})


def test_a_pod_network_tells_pods_apart_unless_it_is_said_not_to() -> None:
    def pods(checks: bool | None) -> str | None:
        return answers(
            segment=[{"id": "pods", "kind": "pod network", "checks_source": checks}],
            element=[host(n, kind="container") for n in ("a", "b", "friend")],
            interface=[foot(n, "pods") for n in ("a", "b", "friend")],
            endpoint=[ssh("b")],
            boundary=[{"id": "w", "element": "b", "interface": "b/pods", "direction": "in",
                       "default_action": "deny"}],
            filter=[{"id": "f", "boundary": "w", "action": "allow", "source_group": "friends"}],
            group_member=[{"group": "friends", "element": "friend", "is_certain": True}],
        ).get(("a", "b"))  # fmt: skip

    assert (pods(None), pods(True), pods(False)) == (None, None, "can")


def test_alike_elements_are_one_class() -> None:
    many = 200
    found = packets(
        Tables({
            name: TABLES[name].from_rows({
                "segment": [segment("lan")],
                "element": [host(f"h{n}") for n in range(many)],
                "interface": [foot(f"h{n}", "lan", f"10.0.{n // 250}.{n % 250 + 1}/16")
                              for n in range(many)],
                "endpoint": [ssh(f"h{n}") for n in range(many)],
            }.get(name, []))
            for name in NAMES
        }),
        PacketParameters(),
    )  # fmt: skip
    sizes = {name: Tables(dict(found)).rows(name) for name in found}
    assert sizes["place"] == sizes["opening"] == many
    assert sizes["passage"] == 4
