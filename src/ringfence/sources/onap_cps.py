"""ONAP CPS: the RAN as its configuration persistency service holds it.

Known are the models `cps-ran-schema-model` (2021-01-28 and 2021-05-19: near-RT RICs with the
functions of their gNBs), `cps-ran-inventory` (2021-01-28: slices of the RAN) and `ran-network`
(2020-08-06, the same with the RICs at its top), as one JSON document with the module's name or
without, whole or from a RIC down.

- A near-RT RIC and each function below it is an element, with the function that the class states.
  The RIC `manages` what stands below it: the model says whose it is.
- A function's `pLMNIdList` or `pLMNInfoList` that names one network makes it that operator's.
- Slices are no elements; they, their profiles and the cells are set aside and counted, each as one
  record. Which functions serve a slice the inventory does not say.
- Class, RIC and the function's own id make a key: an id is unique below its RIC alone.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.rows import Rows

__all__ = ["OnapCps"]

_MOST_BYTES: Final = 256 * 1024 * 1024
_MARK: Final = b"\xef\xbb\xbf"
_RIC: Final = re.compile(rb'"(?:[\w-]+:)?NearRTRIC"\s*:\s*\[|"idNearRTRIC"\s*:')
_MODULE: Final = re.compile(
    rb'"(?:cps-ran-schema-model|ran-network):[\w-]+"\s*:|"cps-ran-inventory:ran-inventory"\s*:'
)
_SLICES: Final = re.compile(rb'"ran-slices"\s*:\s*\[|"rannfnssiid"\s*:')
_FUNCTIONS: Final = {
    "NearRTRIC": "near-RT RIC",
    "GNBDUFunction": "GNBDU",
    "GNBCUCPFunction": "GNBCUCP",
    "GNBCUUPFunction": "GNBCUUP",
}
_NAMES: Final = ("gNBDUName", "gNBCUName", "gNBName", "userLabel", "nearRTRICName")
_ASIDE: Final = {
    "NRCellDU": "a cell has no place in the model",
    "NRCellCU": "a cell has no place in the model",
    "NRSectorCarrier": "a carrier has no place in the model",
    "ran-slices": "a slice of the RAN is no element, and its functions are not stated",
    "sliceProfilesList": "a slice profile has no place in the model",
    "ran-coverage-area": "a coverage area has no place in the model",
    "RRMPolicyRatio": "a radio resource policy has no place in the model",
}


class OnapCps:
    """Reads one JSON document of ONAP's configuration persistency service."""

    kind = "onap-cps"
    describes = "ONAP CPS: near-RT RICs with their functions, RAN slices, as JSON"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide from the models' names and keys."""
        head = head.removeprefix(_MARK)
        if head.lstrip()[:1] not in (b"{", b"["):
            return Claim(0.0, "it is no JSON")
        if _MODULE.search(head):
            return Claim(1.0, "it names one of CPS's RAN models")
        if _RIC.search(head) or _SLICES.search(head):
            return Claim(0.9, "it has the keys of one of CPS's RAN models")
        return Claim(0.0, "it names none of CPS's RAN models")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield elements, functions and relations, then what was set aside, then the counts."""
        reading = _Reading(options.prefix or "onap-cps", options.origin or path.name)
        document = _document(path)
        reading.walk(document)
        if not reading.records:
            raise SourceError(
                "no near-RT RIC, function or slice is in it",
                where=str(path),
                hint="save the answer of CPS for the whole anchor, with its descendants",
            )
        yield from reading.rows.batches()
        yield from reading.rejects()
        yield Read(reading.records, reading.kept)


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError("the file is longer than 256 MiB", where=str(path))
        data = path.read_bytes().removeprefix(_MARK)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        at = re.search(r"\(byte (\d+)\)", str(error))
        line = data.count(b"\n", 0, int(at[1])) + 1 if at else data.count(b"\n") + 1
        raise SourceError("the JSON is not well formed", where=f"{path}:{line}") from None


class _Reading:
    """One walk over a document, without recursion."""

    def __init__(self, prefix: str, name: str) -> None:
        self.rows = Rows()
        self.records = 0
        self.kept = 0
        self._prefix = prefix
        self._name = name
        self._aside: dict[str, Reject] = {}
        self._faults: list[Reject] = []
        self._networks: set[str] = set()
        self._keys: set[str] = set()

    def rejects(self) -> Iterator[Reject]:
        yield from self._faults
        yield from self._aside.values()

    def walk(self, document: Any) -> None:
        """Take the records of a document in their order."""
        waiting: list[tuple[Any, str, str | None]] = [(document, "$", None)]
        while waiting:
            value, path, ric = waiting.pop()
            below: list[tuple[Any, str, str | None]] = []
            if isinstance(value, list):
                below = [(item, f"{path}[{i}]", ric) for i, item in enumerate(value)]
            elif isinstance(value, dict):
                if "idNearRTRIC" in value:
                    ric = self._element("NearRTRIC", value, path, None) or ric
                for key, item in value.items():
                    below += self._below(key.rpartition(":")[2], key, item, path, ric)
            waiting.extend(reversed(below))

    def _below(
        self, word: str, key: str, item: Any, path: str, ric: str | None
    ) -> list[tuple[Any, str, str | None]]:
        """What of a member is still to be walked, its records being taken."""
        at = f"{path}.{key}"
        if word not in _ASIDE and (word not in _FUNCTIONS or word == "NearRTRIC"):
            return [(item, at, ric)]
        items = item if isinstance(item, list) else [item]
        further = []
        for index, one in enumerate(items):
            place = f"{at}[{index}]" if isinstance(item, list) else at
            if not isinstance(one, dict):
                self._fault(place, f"{word} holds something that is no object")
                continue
            if word in _ASIDE:
                self._set_aside(_ASIDE[word], place)
            else:
                self._element(word, one, place, ric)
            further.append((one, place, ric))
        return further

    def _element(
        self, word: str, value: Mapping[str, Any], path: str, ric: str | None
    ) -> str | None:
        own = value.get(f"id{word}")
        if not isinstance(own, str | int) or isinstance(own, bool) or own == "":
            self._fault(path, f"{word} without its id{word}")
            return None
        self.records += 1
        self.kept += 1
        native = f"{word}={own}"
        key = f"{ric},{native}" if ric else f"{self._prefix}:{native}"
        if key in self._keys:
            # The same thing named twice in one document is one thing.
            return key
        self._keys.add(key)
        attributes = value.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        name = next((attributes[n] for n in _NAMES if isinstance(attributes.get(n), str)), None)
        origin = f"{self._name}:{path}"
        network = _network(attributes)
        operator = f"{self._prefix}:operator/{network}" if network else None
        if operator is not None and operator not in self._networks:
            self._networks.add(operator)
            self.rows.add("operator", id=operator, origin=origin)
        self.rows.add(
            "element", id=key, name=name or None, operator=operator, role_name=word, origin=origin
        )
        self.rows.add(
            "function", element=key, kind=_FUNCTIONS[word], generation="5G", origin=origin
        )
        if ric is not None:
            self.rows.add("relation", source=ric, target=key, kind="manages", origin=origin)
        return key

    def _set_aside(self, reason: str, path: str) -> None:
        self.records += 1
        before = self._aside.get(reason)
        self._aside[reason] = Reject(
            before.place if before else f"{self._name}:{path}",
            reason,
            kind="set aside",
            rows=before.rows + 1 if before else 1,
        )

    def _fault(self, path: str, reason: str) -> None:
        self.records += 1
        self._faults.append(Reject(f"{self._name}:{path}", reason))


def _network(attributes: Mapping[str, Any]) -> str | None:
    """The one public network a function says it is of, as `mcc-mnc`."""
    found = set()
    for key in ("pLMNIdList", "pLMNInfoList", "pLMNId"):
        listed = attributes.get(key)
        for one in listed if isinstance(listed, list) else [listed]:
            mcc, mnc = (one.get("mcc"), one.get("mnc")) if isinstance(one, dict) else (None, None)
            if isinstance(mcc, str) and isinstance(mnc, str):
                found.add(f"{mcc}-{mnc}")
    network = found.pop() if len(found) == 1 else ""
    return network if re.fullmatch(r"\d{3}-\d{2,3}", network) else None
