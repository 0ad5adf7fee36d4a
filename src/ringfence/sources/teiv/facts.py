"""What an entity's attributes say, whether as JSON or as columns of the database."""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import pyarrow as pa
from msgspec import UNSET, UnsetType

__all__ = ["ERASED", "FACTS", "Attributes", "facts_of"]

ERASED: Final = ""
"""Stands in a column of text for a null that was stated; in one of numbers that is not a number."""

FACTS: Final = {
    "name": pa.string(),
    "vendor_name": pa.string(),
    "model": pa.string(),
    "network": pa.string(),
    "latitude_deg": pa.float64(),
    "longitude_deg": pa.float64(),
}
"""What attributes say of an entity that has a place in the model."""

_POINT: Final = re.compile(
    r"(?:SRID=\d+;)?POINT\s*Z?\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)(?:\s+[-+.\deE]+)?\s*\)",
    re.IGNORECASE,
)
_MCC: Final = re.compile(r"\d{3}")
_MNC: Final = re.compile(r"\d{2,3}")
_NAMES: Final = ("name", "gNBCUName", "siteName", "eNBName")
_NETWORKS: Final = ("pLMNId", "dUpLMNId", "eNodeBPlmnId")
_LOCATIONS: Final = ("geo_location", "siteLocation")


class Network(msgspec.Struct, gc=False):
    """A public network by its codes."""

    mcc: Any = None
    mnc: Any = None


_Network = Network | list[Any] | str | float | bool | None | UnsetType
"""What stands where a network should; any JSON."""


class Attributes(msgspec.Struct, gc=False):
    """The attributes that have a place in the model, of any type; the others are passed over."""

    name: Any = UNSET
    siteName: Any = UNSET  # noqa: N815  # the format's own names
    gNBCUName: Any = UNSET  # noqa: N815
    eNBName: Any = UNSET  # noqa: N815
    vendorName: Any = UNSET  # noqa: N815
    modelName: Any = UNSET  # noqa: N815
    pLMNId: _Network = UNSET  # noqa: N815
    dUpLMNId: _Network = UNSET  # noqa: N815
    eNodeBPlmnId: _Network = UNSET  # noqa: N815
    pLMNIdList: Any = UNSET  # noqa: N815
    geo_location: Any = msgspec.field(default=UNSET, name="geo-location")
    siteLocation: Any = UNSET  # noqa: N815


def facts_of(stated: Sequence[Attributes]) -> dict[str, pa.Array]:
    """Columns of what is understood; what is not is left as not stated.

    Worked out by column, since most attributes of most types say nothing that is kept.
    """
    said = _said(stated)
    found: dict[str, list[str | None] | list[float | None]] = {}
    if names := _first_stated(said, _NAMES):
        found["name"] = [_text(value) for value in names]
    for fact, name in (("vendor_name", "vendorName"), ("model", "modelName")):
        if name in said:
            found[fact] = [_text(value) for value in said[name]]
    if networks := _first_stated(said, _NETWORKS):
        found["network"] = [_network(value) for value in networks]
    if "pLMNIdList" in said:
        several = said["pLMNIdList"]
        networks = networks or [UNSET] * len(several)
        found["network"] = [
            _network(one) if one is not UNSET else _only_network(listed)
            for one, listed in zip(networks, several, strict=True)
        ]
    if locations := _first_stated(said, _LOCATIONS):
        places = [_place(value) for value in locations]
        found["latitude_deg"] = [latitude for latitude, _ in places]
        found["longitude_deg"] = [longitude for _, longitude in places]
    return {fact: pa.array(found[fact], FACTS[fact]) for fact in found}


def _said(stated: Sequence[Attributes]) -> dict[str, list[Any]]:
    """The columns in which anything is stated."""
    columns = {
        "name": [of.name for of in stated],
        "siteName": [of.siteName for of in stated],
        "gNBCUName": [of.gNBCUName for of in stated],
        "eNBName": [of.eNBName for of in stated],
        "vendorName": [of.vendorName for of in stated],
        "modelName": [of.modelName for of in stated],
        "pLMNId": [of.pLMNId for of in stated],
        "dUpLMNId": [of.dUpLMNId for of in stated],
        "eNodeBPlmnId": [of.eNodeBPlmnId for of in stated],
        "pLMNIdList": [of.pLMNIdList for of in stated],
        "geo_location": [of.geo_location for of in stated],
        "siteLocation": [of.siteLocation for of in stated],
    }
    return {name: of for name, of in columns.items() if of.count(UNSET) < len(of)}


def _first_stated(said: Mapping[str, list[Any]], names: Sequence[str]) -> list[Any]:
    """Of each row what is stated under the first name under which something is."""
    columns = [said[name] for name in names if name in said]
    if len(columns) < 2:  # to choose between
        return columns[0] if columns else []
    return [
        next((value for value in values if value is not UNSET), UNSET)
        for values in zip(*columns, strict=True)
    ]


def _text(value: Any) -> str | None:
    if value is None:
        return ERASED
    return _unquoted(value.strip()) if isinstance(value, str) else None


def _unquoted(value: str) -> str:
    """A text that was stored as JSON, with its quotes, without them."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return msgspec.json.decode(value.encode(), type=str)
        except (msgspec.DecodeError, UnicodeError):
            return value
    return value


def _network(value: Any) -> str | None:
    """The one public network a function says it is of, as `mcc-mnc`."""
    if value.__class__ is Network:
        return _network_of(value.mcc, value.mnc)
    return ERASED if value is None else None


def _only_network(listed: Any) -> str | None:
    """The network of a list of one; with several it is shared, and nobody says who runs it."""
    if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict):
        return _network_of(listed[0].get("mcc"), listed[0].get("mnc"))
    return None


def _network_of(mcc: Any, mnc: Any) -> str | None:
    return _network_named(mcc, mnc) if isinstance(mcc, str) and isinstance(mnc, str) else None


@lru_cache(4096)
def _network_named(mcc: str, mnc: str) -> str | None:
    is_one = _MCC.fullmatch(mcc) is not None and _MNC.fullmatch(mnc) is not None
    return f"{mcc}-{mnc}" if is_one else None


def _place(value: Any) -> tuple[float | None, float | None]:
    if value is UNSET:
        return None, None
    if value is None:
        return math.nan, math.nan
    return _point(value) if isinstance(value, str) else _coordinates(value)


def _coordinates(value: Any) -> tuple[float | None, float | None]:
    """RFC 9179 has `latitude` beside or below `location` or `ellipsoid`; 3GPP in `coordinate`."""
    for _ in range(4):
        if not isinstance(value, dict):
            break
        latitude, longitude = value.get("latitude"), value.get("longitude")
        if latitude is not None and longitude is not None:
            return _degrees(latitude), _degrees(longitude)
        value = next(
            (
                value[k]
                for k in ("location", "ellipsoid", "coordinate", "geo-location")
                if k in value
            ),
            None,
        )
    return None, None


def _degrees(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _point(text: str) -> tuple[float | None, float | None]:
    """A place of the database. TEIV writes the latitude first, against PostGIS's own order.

    `pg_dump` gives it as hexadecimal EWKB: byte order, type with flags, SRID, then the numbers.
    """
    found = _POINT.fullmatch(text.strip())
    if found is not None:
        return _degrees(found[1]), _degrees(found[2])
    try:
        data = bytes.fromhex(text.strip())
        order = "<" if data[0] == 1 else ">"
        (kind,) = struct.unpack_from(f"{order}I", data, 1)
        if kind & 0xFF != 1:
            return None, None
        first, second = struct.unpack_from(f"{order}dd", data, 9 if kind & 0x20000000 else 5)
    except (ValueError, IndexError, struct.error):
        return None, None
    return _degrees(first), _degrees(second)
