"""What TEIV's types become: entities by their type, relationships by the two types they join.

The types are those of the YANG modules `o-ran-smo-teiv-*` of the O-RAN SC SMO (2024-05 to 2025-02,
O-RAN.WG10 TE&IV-CIMI and -DM) and of their first names (`ran-logical-topology` and so on), with the
3GPP names that functions had there before they were given O-RAN's.

A relationship's name says what it joins and how: `MANAGEDELEMENT_MANAGES_ODUFUNCTION`. It is taken
apart rather than looked up, so that a module that joins the same types in a new pair is read too.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

__all__ = ["ENTITIES", "Entity", "Relationship", "entity_of", "real_name", "relationship_of"]

_MODULE: Final = re.compile(
    r"o-ran-smo-teiv-(?:ran|oam|equipment|physical|cloud|rel-[a-z]+-[a-z]+|[a-z]+-to-[a-z]+)"
    r"|ran-(?:logical|equipment|oam|cloud|[a-z]+-to-[a-z]+)(?:-[a-z]+)*-?topology"
)
_MODULES: Final = tuple(
    f"o-ran-smo-teiv-{part}"
    for part in (
        "ran", "oam", "equipment", "physical", "cloud", "rel-oam-ran", "rel-oam-cloud",
        "rel-cloud-ran", "rel-equipment-ran", "rel-physical-ran", "oam-to-ran", "oam-to-cloud",
        "cloud-to-ran", "equipment-to-ran",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """What an entity of a type becomes; neither element nor site where the model has no place."""

    type: str
    becomes: Literal["element", "site"] | None = None
    function: str | None = None
    generation: str | None = None
    kind: str | None = None


ENTITIES: Final = {
    entity.type: entity
    for entity in (
        Entity("ManagedElement", "element"),
        Entity("ODUFunction", "element", "GNBDU", "5G"),
        Entity("OCUCPFunction", "element", "GNBCUCP", "5G"),
        Entity("OCUUPFunction", "element", "GNBCUUP", "5G"),
        Entity("ORUFunction", "element", "O-RU", "5G"),
        Entity("NearRTRICFunction", "element", "near-RT RIC", "5G"),
        Entity("SMO", "element", "SMO", None, "management system"),
        Entity("GNBDUFunction", "element", "GNBDU", "5G"),
        Entity("GNBCUCPFunction", "element", "GNBCUCP", "5G"),
        Entity("GNBCUUPFunction", "element", "GNBCUUP", "5G"),
        Entity("ENodeBFunction", "element", "ENB", "4G"),
        Entity("PhysicalAppliance", "element", kind="box"),
        Entity("NodeCluster", "element"),
        Entity("OCloudNamespace", "element"),
        Entity("NFDeployment", "element"),
        Entity("CloudifiedNF", "element"),
        Entity("CloudNativeApplication", "element"),
        Entity("CloudNativeSystem", "element"),
        Entity("Site", "site"),
        Entity("OCloudSite", "site"),
        Entity("CloudSite", "site"),
        *(
            Entity(name)
            for name in (
                "AntennaModule", "AntennaCapability", "Sector", "NRCellDU", "NRCellCU",
                "NRSectorCarrier", "EUtranCell", "LTESectorCarrier", "Namespace",
            )
        ),
    )
}  # fmt: skip
"""Every entity type read or set aside, by its name without module."""

_BY_SHOUT: Final = {name.upper(): entity for name, entity in ENTITIES.items()}
_VERBS: Final = (
    "MANAGES", "DEPLOYED_ON", "DEPLOYED_AS", "COMPRISES", "REALISED_BY", "SERVES", "INSTALLED_AT",
    "INSTALLEDAT", "LOCATED_AT", "PROVIDES", "USES", "GROUPS", "[A-Z][A-Z0-9]*LINK",
)  # fmt: skip
_RELATIONSHIP: Final = re.compile(rf"([A-Z0-9]+)_({'|'.join(_VERBS)})_([A-Z0-9]+)")


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a relationship of a name becomes.

    `becomes` is a kind of relation, "link" or "site"; None where the model has no place for it.
    `is_turned` says that the power is of the B side over the A side.
    """

    name: str
    a_side: Entity
    b_side: Entity
    becomes: str | None = None
    is_turned: bool = False


@cache
def entity_of(qualified: str) -> Entity | None:
    """The entity type that `module:Type` names; None where it is none of TEIV's."""
    module, _, name = qualified.partition(":")
    return ENTITIES.get(name) if _MODULE.fullmatch(module) else None


@cache
def relationship_of(qualified: str) -> Relationship | None:
    """The relationship that `module:A_VERB_B` names; None where it joins none of TEIV's types."""
    module, _, name = qualified.partition(":")
    return relationship_named(name) if _MODULE.fullmatch(module) else None


def relationship_named(name: str) -> Relationship | None:
    """The relationship `A_VERB_B`."""
    parts = _RELATIONSHIP.fullmatch(name)
    a_side = _BY_SHOUT.get(parts[1]) if parts else None
    b_side = _BY_SHOUT.get(parts[3]) if parts else None
    if parts is None or a_side is None or b_side is None:
        return None
    becomes, is_turned = _meaning(a_side, parts[2], b_side)
    return Relationship(name, a_side, b_side, becomes, is_turned)


_PLAIN: Final = {
    "MANAGES": ("manages", False),
    "SERVES": ("hosts", False),
    "DEPLOYED_ON": ("hosts", True),
    "DEPLOYED_AS": ("hosts", True),
    "COMPRISES": ("hosts", True),
    "REALISED_BY": ("hosts", True),
}
_AT_SITE: Final = ("INSTALLED_AT", "INSTALLEDAT", "LOCATED_AT")
_RANKS: Final = {"SMO": 2, "near-RT RIC": 1}


def _meaning(a_side: Entity, verb: str, b_side: Entity) -> tuple[str | None, bool]:
    """What the verb says of the two, and whether it is the B side that has the power."""
    found: tuple[str | None, bool] = None, False
    if (a_side.becomes, b_side.becomes) == ("element", "site") and verb in _AT_SITE:
        found = "site", False
    elif (a_side.becomes, b_side.becomes) == ("element", "element"):
        if verb in _PLAIN:
            found = _PLAIN[verb]
        elif verb.endswith("LINK"):
            found = _link(a_side.function, verb, b_side.function)
    return found


def _link(a_side: str | None, verb: str, b_side: str | None) -> tuple[str, bool]:
    """What an interface between two functions says of them (O-RAN.WG1 architecture).

    O1 and O2 are the interfaces over which the SMO manages, A1 the one over which it guides the
    near-RT RIC, E2 the one over which that controls its nodes. The management plane of the open
    fronthaul ends in the O-DU or the SMO, which configures the O-RU over it; over the
    synchronisation plane the O-RU gets its time.
    """
    a_rank, b_rank = (_RANKS.get(side or "", 0) for side in (a_side, b_side))
    if verb in ("O1LINK", "A1LINK", "E2LINK") and a_rank != b_rank:
        return "manages", b_rank > a_rank
    if verb == "O2LINK":
        return "orchestrates", b_side == "SMO"
    if verb in ("OFHMLINK", "OFHSLINK") and "O-RU" in (a_side, b_side):
        return "manages" if verb == "OFHMLINK" else "synchronises", a_side == "O-RU"
    return "link", False


def real_name(table: str) -> str:
    """`module:Name` of a table of the database.

    A name longer than PostgreSQL takes is stored as the SHA-1 of `module_Name`, in capitals.
    """
    if re.fullmatch("[0-9A-F]{40}", table):
        return _hashed().get(table, table)
    module, _, name = table.partition("_")
    return f"{module}:{name}"


@cache
def _hashed() -> dict[str, str]:
    """Hashes of all names that relationships between TEIV's types can have, and of the types."""
    shouts = sorted(_BY_SHOUT)
    verbs = [*_VERBS[:-1], *(f"{i}LINK" for i in ("O1", "O2", "A1", "E1", "E2", "F1C", "F1U"))]
    verbs += ["OFHCLINK", "OFHMLINK", "OFHSLINK", "OFHULINK"]
    names = [*ENTITIES, *(f"{a}_{verb}_{b}" for a in shouts for verb in verbs for b in shouts)]
    found = {}
    for module in _MODULES:
        start = hashlib.sha1(f"{module}_".encode(), usedforsecurity=False)
        for name in names:
            whole = start.copy()
            whole.update(name.encode())
            found[whole.hexdigest().upper()] = f"{module}:{name}"
    return found
