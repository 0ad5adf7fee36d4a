"""What an entity's attributes say, whether as JSON or as columns of the database."""

import math
import re
import struct
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET

from ringfence.sources.teiv.stores import ERASED, Facts

__all__ = ["Attributes", "facts_of"]

_POINT: Final = re.compile(
    r"(?:SRID=\d+;)?POINT\s*Z?\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)(?:\s+[-+.\deE]+)?\s*\)",
    re.IGNORECASE,
)
_MCC: Final = re.compile(r"\d{3}")
_MNC: Final = re.compile(r"\d{2,3}")


class Attributes(msgspec.Struct, gc=False):
    """The attributes that have a place in the model, of any type; the others are passed over."""

    name: Any = UNSET
    siteName: Any = UNSET  # noqa: N815  # the format's own names
    gNBCUName: Any = UNSET  # noqa: N815
    eNBName: Any = UNSET  # noqa: N815
    vendorName: Any = UNSET  # noqa: N815
    modelName: Any = UNSET  # noqa: N815
    pLMNId: Any = UNSET  # noqa: N815
    dUpLMNId: Any = UNSET  # noqa: N815
    eNodeBPlmnId: Any = UNSET  # noqa: N815
    pLMNIdList: Any = UNSET  # noqa: N815
    geo_location: Any = msgspec.field(default=UNSET, name="geo-location")
    siteLocation: Any = UNSET  # noqa: N815


def facts_of(of: Attributes) -> Facts:
    """Pick what is understood; what is not is left as not stated."""
    name = of.name
    if name is UNSET:
        name = of.gNBCUName
        if name is UNSET:
            name = of.siteName if of.siteName is not UNSET else of.eNBName
    location = of.geo_location if of.geo_location is not UNSET else of.siteLocation
    latitude, longitude = (None, None) if location is UNSET else _place(location)
    return Facts(
        None if name is UNSET else _text(name),
        None if of.vendorName is UNSET else _text(of.vendorName),
        None if of.modelName is UNSET else _text(of.modelName),
        _network(of),
        latitude,
        longitude,
    )


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


def _network(of: Attributes) -> str | None:
    """The one public network a function says it is of, as `mcc-mnc`.

    With several it is shared, and nobody says who runs it.
    """
    for value in (of.pLMNId, of.dUpLMNId, of.eNodeBPlmnId):
        if value is not UNSET:
            return ERASED if value is None else _network_of(value)
    several = of.pLMNIdList
    return _network_of(several[0]) if isinstance(several, list) and len(several) == 1 else None


def _network_of(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    mcc, mnc = value.get("mcc"), value.get("mnc")
    if isinstance(mcc, str) and isinstance(mnc, str):
        return _network_named(mcc, mnc)
    return None


@lru_cache(4096)
def _network_named(mcc: str, mnc: str) -> str | None:
    is_one = _MCC.fullmatch(mcc) is not None and _MNC.fullmatch(mnc) is not None
    return f"{mcc}-{mnc}" if is_one else None


def _place(value: Any) -> tuple[float | None, float | None]:
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
