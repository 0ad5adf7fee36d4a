"""Lists and advisories bent at random: bytes first, then values, which reach deeper."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError
from ringfence.sources.base import Options, Source, gather
from ringfence.sources.csaf import Csaf
from ringfence.sources.cyclonedx import CycloneDx
from ringfence.sources.known_exploited import KnownExploited
from ringfence.sources.spdx import Spdx
from tests.sources.mutations import bent
from tests.sources.test_csaf import advisory
from tests.sources.test_cyclonedx import bom
from tests.sources.test_known_exploited import as_csv, catalogue
from tests.sources.test_spdx import TAGS
from tests.sources.test_spdx import document as spdx_document

PART = {"type": "library", "bom-ref": "a", "name": "a", "licenses": [{"license": {"id": "MIT"}}],
        "hashes": [{"alg": "SHA-256", "content": "0" * 64}], "components": [{"name": "b"}]}  # fmt: skip
WEAKNESS = {"id": "CVE-2022-3602", "cwes": [1], "ratings": [{"method": "CVSSv3", "score": 1}],
            "affects": [{"ref": "a", "versions": [{"version": "1", "status": "affected"}]}],
            "analysis": {"state": "exploitable", "response": ["update"]}}  # fmt: skip
LIST = bom(components=[PART], services=[{"name": "s", "bom-ref": "s"}], vulnerabilities=[WEAKNESS])
SAID = advisory(
    {"cve": "CVE-2022-3602", "product_status": {"known_affected": ["A"], "fixed": ["B"]},
     "scores": [{"cvss_v3": {"baseScore": 7.5}}], "cwe": {"id": "CWE-1"},
     "remediations": [{"category": "vendor_fix", "details": "x", "group_ids": ["G"]}]}
)  # fmt: skip
GRAPH = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "SpdxDocument", "spdxId": "d", "rootElement": ["p"]},
        {"type": "software_Package", "spdxId": "p", "name": "p", "originatedBy": ["o"],
         "externalIdentifier": [{"externalIdentifierType": "cpe23", "identifier": "c"}]},
        {"type": "Organization", "spdxId": "o", "name": "O"},
        {"type": "Relationship", "spdxId": "r", "from": "p", "relationshipType": "contains",
         "to": ["p"]},
        {"type": "security_Vulnerability", "spdxId": "v", "name": "CVE-2022-3602"},
        {"type": "security_CvssV3VulnAssessmentRelationship", "spdxId": "c", "from": "v",
         "relationshipType": "x", "to": ["p"], "security_score": "7"},
        {"type": "security_VexFixedVulnAssessmentRelationship", "spdxId": "f", "from": "v",
         "relationshipType": "fixedIn", "to": ["p"]},
    ],
}  # fmt: skip
PACKAGES = spdx_document(
    packages=[{"SPDXID": "SPDXRef-a", "name": "a", "supplier": "Person: x (y)", "hasFiles": ["f"],
               "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:a/b@1"}],
               "checksums": [{"algorithm": "SHA256", "checksumValue": "0" * 64}]}],
    files=[{"SPDXID": "f", "fileName": "f"}],
    documentDescribes=["SPDXRef-a"],
    relationships=[{"spdxElementId": "SPDXRef-a", "relationshipType": "CONTAINS",
                    "relatedSpdxElement": "f"}],
)  # fmt: skip
XML = """<bom xmlns="http://cyclonedx.org/schema/bom/1.4" serialNumber="urn:uuid:1" version="1">
<components><component type="library" bom-ref="a"><name>a</name><hashes><hash alg="SHA-256">00</hash>
</hashes><licenses><license><id>MIT</id></license></licenses></component></components>
<vulnerabilities><vulnerability><id>CVE-2022-3602</id><ratings><rating><score>1</score></rating>
</ratings><affects><target><ref>a</ref></target></affects></vulnerability></vulnerabilities></bom>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://spdx.org/rdf/terms#"><SpdxDocument rdf:about="https://v/1#SPDXRef-DOCUMENT">
<specVersion>SPDX-2.3</specVersion><relationship><Relationship>
<relationshipType rdf:resource="http://spdx.org/rdf/terms#relationshipType_describes"/>
<relatedSpdxElement><Package rdf:about="https://v/1#SPDXRef-a"><name>a</name>
<licenseDeclared rdf:resource="http://spdx.org/licenses/MIT"/></Package></relatedSpdxElement>
</Relationship></relationship></SpdxDocument></rdf:RDF>"""
YAML = "spdxVersion: SPDX-2.3\nSPDXID: x\npackages:\n- SPDXID: a\n  name: &n a\n  versionInfo: *n\n"

JUNK = (
    "null", "true", "5", "-1e308", '""', '"x"', '"NONE"', "[]", "{}", "[null]", "[[]]", '["x"]',
    '{"a": 1}', '"2024-99-99"', "1000000000000000000000000000000",
)  # fmt: skip


def values(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a document where another value could stand."""
    members = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(members):
        yield node, key
        if isinstance(value, dict | list):
            yield from values(value)


@st.composite
def revalued(draw: st.DrawFn, document: Any) -> bytes:
    """A document with one to four of its values replaced, so that it stays well formed JSON."""
    copy = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 4))):
        places = list(values(copy))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        holder[key] = json.loads(draw(st.sampled_from(JUNK)))
    return json.dumps(copy).encode()


def check(source: Source, folder: Path, content: bytes) -> None:
    path = folder / "bent"
    path.write_bytes(content)
    source.claims(path, content[:65536])
    try:
        found = gather(source, path, Options())
    except RingfenceError as error:
        found, refused = None, str(error)
    if found is None:
        assert "lost count" not in refused
        assert "rows of no record" not in refused
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


DOCUMENTS: list[tuple[Source, Any]] = [
    (CycloneDx(), LIST), (Csaf(), SAID), (Spdx(), GRAPH), (Spdx(), PACKAGES),
    (KnownExploited(), json.loads(catalogue())),
]  # fmt: skip
TEXTS: list[tuple[Source, str]] = [
    (CycloneDx(), json.dumps(LIST)), (CycloneDx(), XML), (Csaf(), json.dumps(SAID)),
    (Spdx(), TAGS), (Spdx(), RDF), (Spdx(), YAML), (Spdx(), json.dumps(PACKAGES)),
    (KnownExploited(), as_csv()),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_costs_its_own_record_at_most(
    tmp_path: Path, number: int, data: st.DataObject
) -> None:
    source, document = DOCUMENTS[number]
    check(source, tmp_path, data.draw(revalued(document)))


@pytest.mark.parametrize("number", range(len(TEXTS)))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bent_bytes_raise_nothing_but_our_errors(
    tmp_path: Path, number: int, data: st.DataObject
) -> None:
    source, text = TEXTS[number]
    check(source, tmp_path, data.draw(bent(text)))


@pytest.mark.parametrize("source", [CycloneDx(), Csaf(), Spdx(), KnownExploited()])
def test_no_bytes_at_all_and_none_that_are_text(tmp_path: Path, source: Source) -> None:
    for content in (b"", b"\x00" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b"\xff" * 50, b"<" * 50):
        check(source, tmp_path, content)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_every_fixture_is_sound_before_it_is_bent(tmp_path: Path, number: int) -> None:
    source, text = TEXTS[number]
    (tmp_path / "sound").write_text(text)
    if source.kind != "cyclonedx" or text.startswith("{"):
        assert gather(source, tmp_path / "sound", Options()).rows_kept > 0
