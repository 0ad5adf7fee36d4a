"""Device and module types of NetBox's device-type library: what a maker sells under which name.

A YAML document is one product. Read are `manufacturer` and `model`, in the library's form of any
year (with `slug` or without, under `device-types` or `module-types`); a document without either is a
fault. What else stands there (ports, bays, size, weight) has no place in the model and is passed
over: the product is kept, so no record is lost. Neither the library nor the model has a place for
the other's part number, end of support or countries.

The key is maker and model, as an inventory names them, since `slug` is not in every year's files.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.rows import Rows
from ringfence.sources.yaml_files import Fault, documents, head_text, read_text

__all__ = ["DeviceType"]

_KEYS: Final = re.compile(r"^([a-z][a-z_-]*)[ \t]*:", re.MULTILINE)
_OF_THE_LIBRARY: Final = frozenset(
    (
        "slug", "part_number", "u_height", "is_full_depth", "airflow", "subdevice_role",
        "front_image", "rear_image", "console-ports", "console-server-ports", "power-ports",
        "power-outlets", "interfaces", "front-ports", "rear-ports", "module-bays", "device-bays",
        "inventory-items", "weight", "weight_unit", "is_powered", "profile", "attributes",
    )
)  # fmt: skip
_FOREIGN: Final = frozenset(("apiVersion", "kind", "services", "metadata"))


class DeviceType:
    """Reads a file of the device-type library."""

    kind = "device-type"
    describes = "NetBox device-type library: device and module types as YAML"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide from the keys that stand at the margin."""
        keys = set(_KEYS.findall(head_text(head)))
        if not {"manufacturer", "model"} <= keys or keys & _FOREIGN:
            return Claim(0.0, "it names no manufacturer and model")
        known = sorted(keys & _OF_THE_LIBRARY)
        if known:
            return Claim(0.95, f"it names a manufacturer, a model and {known[0]}")
        return Claim(0.6, "it names a manufacturer and a model")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield a product a document."""
        prefix, name = options.prefix or "device-type", options.origin or path.name
        rows, records, kept = Rows(), 0, 0
        rejects: list[Reject] = []
        for document in documents(read_text(path)):
            records += 1
            place = f"{name}:{document.line}"
            if isinstance(document, Fault):
                rejects.append(Reject(place, document.reason, "product"))
                continue
            maker, model = ((document.at(key) or "").strip() for key in ("manufacturer", "model"))
            if not maker or not model:
                missing = "manufacturer" if not maker else "model"
                rejects.append(Reject(place, f"a device type without its {missing}", "product"))
                continue
            key = f"{prefix}:{maker}/{model}"
            rows.add("product", id=key, vendor_name=maker, model=model, origin=place)
            kept += 1
        if not records:
            raise SourceError("the file holds no document", where=str(path))
        yield from rows.batches()
        yield from rejects
        yield Read(records, kept)
