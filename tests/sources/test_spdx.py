"""SPDX documents: all written forms of 2.3 against a second writer, 3.0, and the public examples."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.spdx import Spdx
from ringfence.sources.spdx.parts import agent

SHA256 = "11b6d3ee554eedf79299905a98f9b9a04e498210b59f15094c916c91d150efcd"
TAGS = f"""SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: valeos
DocumentNamespace: https://vale.example/valeos-4.1-0001
Creator: Organization: Vale Networks (psirt@vale.example)
Created: 2024-01-02T03:04:05Z
# a remark
PackageName: valeos
SPDXID: SPDXRef-valeos
PackageVersion: 4.1
PackageSupplier: Organization: Vale Networks (psirt@vale.example)
PackageOriginator: Organization: Moor Software
PackageDownloadLocation: NOASSERTION
PrimaryPackagePurpose: OPERATING-SYSTEM
ExternalRef: PACKAGE-MANAGER purl pkg:generic/valeos@4.1
ExternalRef: SECURITY cpe23Type cpe:2.3:o:vale:valeos:4.1:*:*:*:*:*:*:*
PackageChecksum: SHA256: {SHA256}
PackageLicenseConcluded: NOASSERTION
PackageLicenseDeclared: MIT
PackageComment: <text>several
Relationship: of lines</text>
FileName: ./bin/init
SPDXID: SPDXRef-init
FileChecksum: SHA1: d6a770ba38583ed4bb4525bd96e50461655d2758
LicenseConcluded: (MIT OR Apache-2.0)
PackageName: moorlib
SPDXID: SPDXRef-moorlib
PackageVersion: 1.10
PackageDownloadLocation: NONE
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-valeos
Relationship: SPDXRef-moorlib CONTAINED_BY SPDXRef-valeos
Relationship: SPDXRef-valeos DEPENDS_ON SPDXRef-moorlib
"""
PRODUCT = "spdx:pkg:generic/valeos@4.1"
EXPECTED = {
    "product": [
        {
            "id": PRODUCT,
            "vendor_name": "Vale Networks",
            "original_maker_name": "Moor Software",
            "model": "valeos",
        }
    ],
    "component": [
        {
            "id": PRODUCT,
            "product": PRODUCT,
            "kind": "operating system",
            "name": "valeos",
            "version": "4.1",
            "vendor_name": "Moor Software",
            "purl": "pkg:generic/valeos@4.1",
            "cpe": "cpe:2.3:o:vale:valeos:4.1:*:*:*:*:*:*:*",
            "sha256": SHA256,
            "licence": "MIT",
        },
        {
            "id": f"{PRODUCT}#SPDXRef-init",
            "product": PRODUCT,
            "part_of": PRODUCT,
            "kind": "file",
            "name": "./bin/init",
        },
        {
            "id": f"{PRODUCT}#SPDXRef-moorlib",
            "product": PRODUCT,
            "part_of": PRODUCT,
            "name": "moorlib",
            "version": "1.10",
        },
    ],
}


def rows(found: Gathered, table: str, *without: str) -> list[dict[str, object]]:
    data = found.tables.get(table)
    stated = data.to_pylist() if data else []
    return [
        {k: v for k, v in row.items() if v is not None and k not in without}
        for row in sorted(stated, key=lambda r: r.get("id", ""))
    ]


def read(folder: Path, content: str, name: str = "a.spdx") -> Gathered:
    path = folder / name
    path.write_text(content)
    assert Spdx().claims(path, path.read_bytes()[:65536]).sureness >= 0.9
    return gather(Spdx(), path, Options())


def document(**more: object) -> dict[str, Any]:
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "documentNamespace": "https://vale.example/1",
        "packages": [{"SPDXID": "SPDXRef-a", "name": "a"}],
        **more,
    }


def test_tag_value_is_read_with_its_lines(tmp_path: Path) -> None:
    found = read(tmp_path, TAGS)
    for table, expected in EXPECTED.items():
        assert rows(found, table, "origin", "licence") == [
            {k: v for k, v in e.items() if k != "licence"} for e in expected
        ]
    assert [r["origin"] for r in rows(found, "component")] == ["a.spdx:9", "a.spdx:23", "a.spdx:27"]
    assert [r.get("licence") for r in rows(found, "component")] == [
        "MIT", "(MIT OR Apache-2.0)", None,
    ]  # fmt: skip
    assert [(r["reason"], r["rows"]) for r in found.rejects.to_pylist()] == [
        ("a relationship DEPENDS_ON does not say what is part of what", 1)
    ]


@pytest.mark.parametrize("ending", ["spdx.json", "spdx.yaml", "spdx.rdf.xml", "spdx.xml"])
@pytest.mark.filterwarnings("ignore")
def test_every_form_says_the_same_as_the_standards_own_tools_write(
    tmp_path: Path, ending: str
) -> None:
    tools = pytest.importorskip("spdx_tools.spdx.parser.parse_anything")
    writer = pytest.importorskip("spdx_tools.spdx.writer.write_anything")
    (tmp_path / "a.spdx").write_text(TAGS)
    path = tmp_path / f"a.{ending}"
    writer.write_file(tools.parse_file(str(tmp_path / "a.spdx")), str(path), validate=False)
    assert Spdx().claims(path, path.read_bytes()[:65536]).sureness == 1.0
    found = gather(Spdx(), path, Options())
    for table, expected in EXPECTED.items():
        assert rows(found, table, "origin", "licence") == [
            {k: v for k, v in e.items() if k != "licence"} for e in expected
        ]
    licences = [str(r.get("licence", "")).strip("()") for r in rows(found, "component")]
    assert licences[0] == "MIT"
    assert set(licences[1].split(" OR ")) == {"MIT", "Apache-2.0"}
    assert found.rejects.num_rows == 1


def test_a_version_in_yaml_stays_as_written_and_a_name_twice_is_refused(tmp_path: Path) -> None:
    content = """spdxVersion: SPDX-2.3
SPDXID: SPDXRef-DOCUMENT
documentNamespace: https://vale.example/1
packages:
- SPDXID: SPDXRef-a
  name: a
  versionInfo: 1.10
"""
    found = read(tmp_path, content, "a.yaml")
    assert [(r["version"], r["origin"]) for r in rows(found, "component")] == [("1.10", "a.yaml:5")]
    with pytest.raises(SourceError, match=r"line 8"):
        read(tmp_path, f"{content}  name: b\n", "a.yaml")


def test_one_bad_package_does_not_lose_the_others(tmp_path: Path) -> None:
    bad: list[object] = [
        None,
        {"SPDXID": "SPDXRef-x"},
        {"name": "x"},
        {"SPDXID": "SPDXRef-y", "name": "y", "versionInfo": 1.1},
        {"SPDXID": "SPDXRef-a", "name": "again"},
        {"SPDXID": "SPDXRef-z", "name": "z",
         "checksums": [{"algorithm": "SHA256", "checksumValue": "1"}]},
    ]  # fmt: skip
    packages = [{"SPDXID": "SPDXRef-a", "name": "a"}, *bad]
    found = read(tmp_path, json.dumps(document(packages=packages)), "a.json")
    assert [r["name"] for r in rows(found, "component")] == ["a"]
    assert found.rejects.column("kind").to_pylist() == ["fault"] * len(bad)


def test_nothing_is_asserted_where_the_document_asserts_nothing(tmp_path: Path) -> None:
    package = {
        "SPDXID": "SPDXRef-a",
        "name": "a",
        "versionInfo": "NOASSERTION",
        "supplier": "NOASSERTION",
        "originator": "NONE",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NONE",
    }
    found = read(tmp_path, json.dumps(document(packages=[package])), "a.json")
    assert rows(found, "component", "origin") == [
        {"id": "spdx:https://vale.example/1#SPDXRef-a", "name": "a"}
    ]


def test_names_of_makers_are_without_their_sort_and_address() -> None:
    assert agent("Organization: Vale Networks (psirt@vale.example)") == "Vale Networks"
    assert agent("Person: Jo Moor ()") == "Jo Moor"
    assert agent("Tool: maker-1.0") == "maker-1.0"
    assert agent("Vale: the company") == "Vale: the company"
    assert agent("Organization: NOASSERTION") is None
    assert agent("NONE") is None
    assert agent("Person: " + " " * 200_000 + "(") == "("


def test_parts_lie_in_the_product_that_contains_them(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d", "e")
    found = read(
        tmp_path,
        json.dumps(
            document(
                packages=[{"SPDXID": f"SPDXRef-{n}", "name": n} for n in names],
                documentDescribes=["SPDXRef-a", "SPDXRef-b"],
                relationships=[
                    {"spdxElementId": f"SPDXRef-{x}", "relationshipType": "CONTAINS",
                     "relatedSpdxElement": f"SPDXRef-{y}"}
                    for x, y in (("a", "c"), ("c", "d"))
                ],
            )
        ),
        "a.json",
    )  # fmt: skip
    product = {r["name"]: str(r.get("product", ""))[-1:] for r in rows(found, "component")}
    assert product == {"a": "a", "b": "b", "c": "a", "d": "a", "e": ""}


def test_parts_that_contain_each_other_do_not_turn_for_ever(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        json.dumps(
            document(
                packages=[{"SPDXID": f"SPDXRef-{n}", "name": n} for n in "ab"],
                relationships=[
                    {"spdxElementId": f"SPDXRef-{x}", "relationshipType": "CONTAINS",
                     "relatedSpdxElement": f"SPDXRef-{y}"}
                    for x, y in (("a", "b"), ("b", "a"), ("a", "nowhere"))
                ],
            )
        ),
        "a.json",
    )  # fmt: skip
    assert found.tables["component"].num_rows == 2
    assert "SPDXRef-nowhere" in found.rejects.to_pylist()[0]["reason"]


def test_a_line_that_is_no_tag_is_a_fault(tmp_path: Path) -> None:
    found = read(tmp_path, TAGS.replace("# a remark", "not a tag"))
    faults = [r for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert [r["place"] for r in faults] == ["a.spdx:8"]


def test_spdx_3_says_what_is_affected(tmp_path: Path) -> None:
    graph = [
        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1"},
        {"type": "Organization", "spdxId": "https://v/o", "name": "Vale Networks"},
        {"type": "Organization", "spdxId": "https://v/m", "name": "Moor Software"},
        {"type": "SpdxDocument", "spdxId": "https://v/d", "rootElement": ["https://v/p"]},
        {"type": "software_Package", "spdxId": "https://v/p", "name": "valeos",
         "software_packageVersion": "4.1", "software_primaryPurpose": "operatingSystem",
         "software_packageUrl": "pkg:generic/valeos@4.1", "suppliedBy": "https://v/o",
         "originatedBy": ["https://v/m"],
         "externalIdentifier": [{"externalIdentifierType": "cpe23", "identifier": "cpe:2.3:x"}],
         "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": SHA256}]},
        {"type": "software_File", "spdxId": "https://v/f", "name": "init"},
        {"type": "Relationship", "spdxId": "https://v/1", "from": "https://v/p",
         "relationshipType": "contains", "to": ["https://v/f"]},
        {"type": "simplelicensing_LicenseExpression", "spdxId": "https://v/l",
         "simplelicensing_licenseExpression": "MIT"},
        {"type": "Relationship", "spdxId": "https://v/2", "from": "https://v/p",
         "relationshipType": "hasDeclaredLicense", "to": ["https://v/l"]},
        {"type": "security_Vulnerability", "spdxId": "https://v/cve",
         "externalIdentifier": [{"externalIdentifierType": "cve", "identifier": "CVE-2022-3602"}],
         "security_publishedTime": "2022-11-01T00:00:00Z"},
        {"type": "security_CvssV3VulnAssessmentRelationship", "spdxId": "https://v/3",
         "from": "https://v/cve", "relationshipType": "hasAssessmentFor", "to": ["https://v/p"],
         "security_score": 7.5, "security_vectorString": "CVSS:3.1/AV:N"},
        {"type": "security_VexNotAffectedVulnAssessmentRelationship", "spdxId": "https://v/4",
         "from": "https://v/cve", "relationshipType": "doesNotAffect", "to": ["https://v/p"]},
        {"type": "security_VexAffectedVulnAssessmentRelationship", "spdxId": "https://v/5",
         "from": "https://v/cve", "relationshipType": "affects", "to": ["https://v/f"],
         "security_actionStatement": "Update\nto 4.2"},
    ]  # fmt: skip
    content = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}
    found = read(tmp_path, json.dumps(content), "a.json")
    assert rows(found, "product", "origin") == [
        {"id": "spdx:https://v/p", "vendor_name": "Vale Networks",
         "original_maker_name": "Moor Software", "model": "valeos"},
    ]  # fmt: skip
    file, package = rows(found, "component", "origin")
    assert package == {
        "id": "spdx:https://v/p", "product": "spdx:https://v/p", "kind": "operating system",
        "name": "valeos", "version": "4.1", "vendor_name": "Moor Software",
        "purl": "pkg:generic/valeos@4.1", "cpe": "cpe:2.3:x", "sha256": SHA256, "licence": "MIT",
    }  # fmt: skip
    assert file["part_of"] == "spdx:https://v/p"
    assert [(r["id"], r["cvss_score"]) for r in rows(found, "vulnerability")] == [
        ("CVE-2022-3602", 7.5)
    ]
    assert [(r["component"], r["status"], r.get("remedy")) for r in rows(found, "affected")] == [
        ("spdx:https://v/p", "not affected", None),
        ("spdx:https://v/f", "affected", "Update to 4.2"),
    ]
    assert found.rows_read == len(graph)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"spdxVersion": "SPDX-1.2"}', "version is 'SPDX-1.2'"),
        ('{"spdxVersion": "SPDX-2.3",', "ends in line 1"),
        ("spdxVersion: SPDX-2.3\nSPDXID: ]", "line 2"),
        ("SPDXID: &a [*a]\n", "line 1"),
        (
            '<!DOCTYPE a [<!ENTITY x "y">]><Document><SPDXID>&x;</SPDXID></Document>',
            "document type",
        ),
        ("<Document><SPDXID></Document>", "line 1"),
        ('<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>', "0 SPDX documents"),
        ("SPDXVersion: SPDX-1.2\n", "version is 'SPDX-1.2'"),
        ("plain words", "no YAML mapping"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a"
    path.write_text(content)
    with pytest.raises(SourceError, match=reason):
        gather(Spdx(), path, Options())


@pytest.mark.parametrize(
    ("file", "parts", "products", "records"),
    [
        # 2.x: `jq '[(.packages//[]),(.files//[]),(.relationships//[])|length]|add'`; 3.0:
        # `jq '.["@graph"]|length'`, and of those `select(.type|test("Package$|_File$"))`.
        ("presentations/OSS-NA-2023/SPDXVersion2.3/02-SBOMwSource.json", 2, 1, 4),
        ("presentations/OSS-NA-2023/SPDXVersion2.3/04-SBOMwSecurity.json", 2, 1, 4),
        ("presentations/SBOMS-SPDX-Now-and-Future/ACME-v2.3.spdx.json", 4, 1, 7),
        ("software/example1/spdx3.0/example1.json", 4, 1, 27),
        ("dataset/example01/spdx3.0/example01.spdx3.json", 3, 2, 13),
        ("ai/example01/spdx3.0/simplehtr-example.json", 46, 1, 118),
    ],
)
def test_parts_of_the_public_examples_are_all_there(
    shared_data: Path, file: str, parts: int, products: int, records: int
) -> None:
    found = gather(Spdx(), shared_data / "spdx-examples" / file, Options())
    assert found.tables["component"].num_rows == parts
    assert found.tables["product"].num_rows == products
    assert found.rows_read == records
    assert "fault" not in found.rejects.column("kind").to_pylist()


def test_the_example_that_is_no_json_is_refused_with_its_line(shared_data: Path) -> None:
    """`python3 -m json.tool` says: Unterminated string starting at: line 125 column 16."""
    path = shared_data / "spdx-examples/software/example10/spdx3.0/hello-source.spdx3.json"
    assert Spdx().claims(path, path.read_bytes()).sureness == 1.0
    with pytest.raises(SourceError, match="not valid JSON: it ends in line 125") as caught:
        gather(Spdx(), path, Options())
    assert caught.value.where == f"{path}:125"


def test_no_other_file_is_claimed(shared_data: Path) -> None:
    claimed = {
        path.relative_to(shared_data).parts[0]
        for path in shared_data.rglob("*")
        if path.is_file() and Spdx().claims(path, path.read_bytes()[:65536]).sureness > 0
    }
    assert claimed == {"spdx-examples"}
