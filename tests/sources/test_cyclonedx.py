"""CycloneDX lists and VEX, as JSON and XML, own fixtures and the public examples."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ringfence.errors import SourceError
from ringfence.network.merge import merge
from ringfence.sources.base import Gathered, Options, gather, gather_together
from ringfence.sources.cyclonedx import CycloneDx
from ringfence.store.duck import Tables

SERIAL = "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"
SHA256 = "11b6d3ee554eedf79299905a98f9b9a04e498210b59f15094c916c91d150efcd"


def bom(**more: object) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": SERIAL,
        "version": 1,
        "metadata": {
            "component": {
                "type": "firmware",
                "bom-ref": "valeos",
                "name": "valeos",
                "version": "4.1",
                "supplier": {"name": "Vale Networks"},
                "manufacturer": {"name": "Moor Software"},
            }
        },
        **more,
    }


def read(folder: Path, content: object) -> Gathered:
    path = folder / "bom.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return gather(CycloneDx(), path, Options())


def rows(found: Gathered, table: str) -> list[dict[str, object]]:
    data = found.tables.get(table)
    stated = data.to_pylist() if data else []
    return [{k: v for k, v in row.items() if v is not None} for row in stated]


def test_parts_are_read_with_what_is_stated_of_them(tmp_path: Path) -> None:
    part = {
        "type": "library",
        "bom-ref": "a",
        "group": "org.vale",
        "name": "moorlib",
        "version": "1.10",
        "publisher": "Moor Software",
        "purl": "pkg:maven/org.vale/moorlib@1.10",
        "cpe": "cpe:2.3:a:moor:moorlib:1.10:*:*:*:*:*:*:*",
        "hashes": [{"alg": "MD5", "content": "x"}, {"alg": "SHA-256", "content": SHA256.upper()}],
        "licenses": [{"license": {"id": "MIT"}}, {"expression": "Apache-2.0 OR MIT"}],
    }
    found = read(tmp_path, bom(components=[part]))
    product, key = f"cyclonedx:{SERIAL}#valeos", f"cyclonedx:{SERIAL}/{part['purl']}"
    assert rows(found, "product") == [
        {
            "id": product,
            "vendor_name": "Vale Networks",
            "original_maker_name": "Moor Software",
            "model": "valeos",
            "origin": "bom.json:$.metadata.component",
        }
    ]
    assert rows(found, "component")[1:] == [
        {
            "id": key,
            "product": product,
            "kind": "library",
            "name": "org.vale/moorlib",
            "version": "1.10",
            "vendor_name": "Moor Software",
            "purl": "pkg:maven/org.vale/moorlib@1.10",
            "cpe": "cpe:2.3:a:moor:moorlib:1.10:*:*:*:*:*:*:*",
            "sha256": SHA256,
            "licence": "MIT; Apache-2.0 OR MIT",
            "origin": "bom.json:$.components[0]",
        }
    ]


def test_nesting_is_what_makes_a_part_and_a_dependency_is_not(tmp_path: Path) -> None:
    inner = {"type": "library", "bom-ref": "c", "name": "c"}
    outer = {"type": "application", "bom-ref": "b", "name": "b", "components": [inner]}
    other = {"type": "library", "bom-ref": "d", "name": "d"}
    found = read(
        tmp_path,
        bom(components=[outer, other], dependencies=[{"ref": "b", "dependsOn": ["d"]}]),
    )
    whole = {r["name"]: r.get("part_of") for r in rows(found, "component")}
    assert whole == {"valeos": None, "b": None, "c": f"cyclonedx:{SERIAL}/b", "d": None}
    assert [(r["kind"], r["rows"]) for r in found.rejects.to_pylist()] == [("set aside", 1)]


def test_one_bad_part_does_not_lose_the_others(tmp_path: Path) -> None:
    good = {"type": "library", "bom-ref": "good", "name": "good"}
    bad: list[object] = [
        None,
        "text",
        {"type": "library"},
        {"type": "library", "name": "x", "version": 5},
        {"type": "library", "name": "x", "bom-ref": ["x"]},
        {"type": "library", "name": "y", "hashes": [{"alg": "SHA-256", "content": "zz"}]},
        {"type": "library", "name": "again", "bom-ref": "good"},
    ]
    found = read(tmp_path, bom(components=[good, *bad[:-1]]))
    assert [r["name"] for r in rows(found, "component")] == ["valeos", "good"]
    assert found.rejects.num_rows == len(bad) - 1
    assert set(found.rejects.column("kind").to_pylist()) == {"fault"}


def test_a_deep_bad_part_is_told_of_in_brief(tmp_path: Path) -> None:
    deep = '{"type": "library", "name": ' + "[" * 400 + "]" * 400 + "}"
    content = json.dumps(bom(components=["HERE"])).replace('"HERE"', deep)
    (reject,) = read(tmp_path, content).rejects.to_pylist()
    assert reject["content"] == "{'type': 'library', 'name': '<list>'}"


def test_a_bad_product_leaves_the_parts(tmp_path: Path) -> None:
    content = bom(components=[{"type": "library", "name": "good", "bom-ref": "g"}])
    content["metadata"]["component"]["version"] = 4.1
    found = read(tmp_path, content)
    assert [(r["name"], r.get("product")) for r in rows(found, "component")] == [("good", None)]


def test_a_type_that_is_not_known_is_other_and_one_not_stated_is_null(tmp_path: Path) -> None:
    found = read(tmp_path, bom(components=[{"type": "platform", "name": "a"}, {"name": "b"}]))
    assert [r.get("kind") for r in rows(found, "component")] == ["firmware", "other", None]


def test_one_library_in_two_products_is_two_parts(tmp_path: Path) -> None:
    part = {"type": "library", "name": "moorlib", "purl": "pkg:generic/moorlib@1"}
    files = {}
    for number in (1, 2):
        content = bom(components=[part])
        content["metadata"]["component"]["purl"] = f"pkg:generic/product-{number}@1"
        content["serialNumber"] = f"urn:uuid:00000000-0000-4000-8000-00000000000{number}"
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(content))
        files[path.name] = path
    found = gather_together(CycloneDx(), files, Options())
    assert [(r["id"], r["product"]) for r in rows(found, "component") if r["name"] == "moorlib"] == [
        (f"cyclonedx:pkg:generic/product-{n}@1/pkg:generic/moorlib@1",
         f"cyclonedx:pkg:generic/product-{n}@1")
        for n in (1, 2)
    ]  # fmt: skip


def test_one_package_found_twice_in_a_product_is_two_parts(tmp_path: Path) -> None:
    part = {"type": "library", "name": "m", "purl": "pkg:generic/m@1"}
    found = read(tmp_path, bom(components=[{**part, "bom-ref": "x"}, {**part, "bom-ref": "y"}]))
    assert [r["id"] for r in rows(found, "component")][1:] == [
        f"cyclonedx:{SERIAL}/pkg:generic/m@1#x",
        f"cyclonedx:{SERIAL}/pkg:generic/m@1#y",
    ]


def test_xml_says_the_same_as_json(tmp_path: Path) -> None:
    content = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a remark -->
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" serialNumber="SERIAL" version="2">
  <metadata>
    <tools><components><component type="application"><name>maker</name></component></components></tools>
    <component type="firmware" bom-ref="valeos">
      <supplier><name>Vale Networks</name><url>https://vale.example</url></supplier>
      <name>valeos</name><version>4.1</version>
    </component>
  </metadata>
  <components>
    <component type="library" bom-ref="b">
      <group>org.vale</group><name>moorlib</name><version>1.10</version>
      <hashes><hash alg="SHA-256">SHA</hash></hashes>
      <licenses><license><id>MIT</id></license></licenses>
      <purl>pkg:maven/org.vale/moorlib@1.10</purl>
      <components><component type="file"><name>inner</name></component></components>
    </component>
  </components>
  <services><service bom-ref="s"><name>cloud</name></service></services>
  <dependencies><dependency ref="valeos"><dependency ref="b"/></dependency></dependencies>
  <vulnerabilities>
    <vulnerability>
      <id>CVE-2022-3602</id>
      <ratings><rating><score>7.5</score><method>CVSSv31</method>
        <vector>CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H</vector></rating></ratings>
      <cwes><cwe>787</cwe></cwes>
      <recommendation>Update
        to 4.2</recommendation>
      <published>2022-11-01T00:00:00Z</published>
      <analysis><state>exploitable</state><responses><response>update</response></responses></analysis>
      <affects><target><ref>b</ref><versions><version><range>vers:generic/&lt;1.11</range>
        <status>affected</status></version></versions></target></affects>
    </vulnerability>
  </vulnerabilities>
</bom>""".replace("SERIAL", SERIAL).replace(">SHA<", f">{SHA256}<")
    path = tmp_path / "bom.xml"
    path.write_text(content)
    assert CycloneDx().claims(path, path.read_bytes()).sureness == 1.0
    xml = gather(CycloneDx(), path, Options())
    as_json = bom(
        version=2,
        components=[
            {
                "type": "library",
                "bom-ref": "b",
                "group": "org.vale",
                "name": "moorlib",
                "version": "1.10",
                "hashes": [{"alg": "SHA-256", "content": SHA256}],
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": "pkg:maven/org.vale/moorlib@1.10",
                "components": [{"type": "file", "name": "inner"}],
            }
        ],
        services=[{"bom-ref": "s", "name": "cloud"}],
        dependencies=[{"ref": "valeos", "dependsOn": ["b"]}],
        vulnerabilities=[
            {
                "id": "CVE-2022-3602",
                "ratings": [
                    {
                        "score": 7.5,
                        "method": "CVSSv31",
                        "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
                    }
                ],
                "cwes": [787],
                "recommendation": "Update\nto 4.2",
                "published": "2022-11-01T00:00:00Z",
                "analysis": {"state": "exploitable", "response": ["update"]},
                "affects": [
                    {
                        "ref": "b",
                        "versions": [{"range": "vers:generic/<1.11", "status": "affected"}],
                    }
                ],
            }
        ],
    )
    as_json["metadata"]["tools"] = {"components": [{"type": "application", "name": "maker"}]}
    del as_json["metadata"]["component"]["manufacturer"]
    same = read(tmp_path, as_json)
    for table in ("product", "component", "vulnerability", "affected"):
        assert [r | {"origin": ""} for r in rows(xml, table)] == [
            r | {"origin": ""} for r in rows(same, table)
        ]
    assert xml.rows_rejected == same.rows_rejected == 3
    assert [r["origin"] for r in rows(xml, "component")] == [
        "bom.xml:6", "bom.xml:12", "bom.xml:17"
    ]  # fmt: skip
    (affected,) = rows(xml, "affected")
    assert affected["remedy"] == "Update to 4.2"
    assert affected["component"] == rows(xml, "component")[1]["id"]


def test_a_vex_speaks_of_parts_of_other_lists(tmp_path: Path) -> None:
    link = f"urn:cdx:{SERIAL.removeprefix('urn:uuid:')}/1#a%2Fb"
    other = "urn:cdx:00000000-0000-4000-8000-000000000000/1#a"
    vex = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "vulnerabilities": [
            {"id": "CVE-2022-3602", "analysis": {"state": "not_affected"},
             "affects": [{"ref": link}, {"ref": other}]},
        ],
    }  # fmt: skip
    files = {"vex.json": tmp_path / "vex.json", "bom.json": tmp_path / "bom.json"}
    files["vex.json"].write_text(json.dumps(vex))
    part = {"type": "library", "bom-ref": "a/b", "name": "b", "supplier": {"name": "Moor"}}
    files["bom.json"].write_text(json.dumps(bom(components=[part])))
    found = gather_together(CycloneDx(), files, Options())
    key = f"cyclonedx:{SERIAL}/a/b"
    known, unknown = rows(found, "affected")
    assert (known["subject"], known["component"], known["vendor_name"]) == (key, key, "Moor")
    assert (unknown["subject"], unknown.get("component")) == (f"cyclonedx:{other}", None)
    # Alone, it names a part that nobody has read.
    alone = gather(CycloneDx(), files["vex.json"], Options())
    assert [r.get("component") for r in rows(alone, "affected")] == [None, None]


@pytest.mark.parametrize(
    ("state", "version", "expected"),
    [
        ("resolved", None, "fixed"),
        ("exploitable", None, "affected"),
        ("in_triage", None, "under investigation"),
        ("false_positive", None, "not affected"),
        (None, None, "affected"),
        (None, "unaffected", "not affected"),
        ("exploitable", "unaffected", "not affected"),
        ("resolved", "", "fixed"),
        ("exploitable", "unknown", None),
    ],
)
def test_what_is_said_of_a_version_goes_before_what_is_said_of_all(
    tmp_path: Path, state: str | None, version: str | None, expected: str | None
) -> None:
    target: dict[str, object] = {"ref": "valeos"}
    if version is not None:
        stated = {"version": "4.0"} | ({"status": version} if version else {})
        target["versions"] = [stated]
    weakness: dict[str, object] = {"id": "CVE-2022-3602", "affects": [target]}
    if state:
        weakness["analysis"] = {"state": state}
    found = read(tmp_path, bom(vulnerabilities=[weakness]))
    assert [r["status"] for r in rows(found, "affected")] == ([expected] if expected else [])
    assert found.rejects.num_rows == (expected is None)


def test_a_score_of_the_surroundings_is_not_the_base_score(tmp_path: Path) -> None:
    def rating(score: float, vector: str) -> dict[str, object]:
        return {"method": "CVSSv31", "score": score, "vector": vector}

    base = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
    cases = [
        ([rating(7.5, base)], 7.5),
        ([rating(7.5, base), rating(0.0, f"{base}/MA:N")], 7.5),
        ([rating(7.5, base), rating(0.0, f"{base}/MA:X/E:X")], None),
        ([rating(0.0, f"{base}/MA:N")], None),
        ([{"method": "OWASP", "score": 9.0}], None),
        ([{"method": "CVSSv2", "score": 5.0}, rating(7.5, base)], 7.5),
    ]
    for ratings, expected in cases:
        found = read(tmp_path, bom(vulnerabilities=[{"id": "CVE-2022-3602", "ratings": ratings}]))
        assert [r.get("cvss_score") for r in rows(found, "vulnerability")] == [expected]


def test_a_weakness_told_of_twice_has_what_both_agree_on(tmp_path: Path) -> None:
    weaknesses = [
        {"id": "CVE-2022-3602", "cwes": [787], "published": "2022-11-01"},
        {"id": "CVE-2022-3602", "cwes": [121], "published": "2022-11-01"},
    ]
    found = read(tmp_path, bom(vulnerabilities=weaknesses))
    parts = merge([Tables(dict(found.tables))])
    assert parts.contradictions == []
    (row,) = parts.tables["vulnerability"].to_pylist()
    assert (row["weakness"], str(row["published_on"])) == (None, "2022-11-01")


def test_the_old_extension_for_weaknesses_is_read(tmp_path: Path) -> None:
    content = """<bom xmlns="http://cyclonedx.org/schema/bom/1.2"
 xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0" version="1">
<components><component type="library" bom-ref="a"><name>a</name><version>1</version>
<v:vulnerabilities><v:vulnerability ref="a"><v:id>CVE-2018-7489</v:id>
<v:ratings><v:rating><v:score><v:base>9.8</v:base></v:score><v:method>CVSSv3</v:method></v:rating>
</v:ratings></v:vulnerability></v:vulnerabilities></component></components></bom>"""
    path = tmp_path / "bom.xml"
    path.write_text(content)
    found = gather(CycloneDx(), path, Options())
    assert [(r["id"], r["cvss_score"]) for r in rows(found, "vulnerability")] == [
        ("CVE-2018-7489", 9.8)
    ]
    assert [(r["component"], r["status"]) for r in rows(found, "affected")] == [
        ("cyclonedx:bom.xml/a", "affected")
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"bomFormat": "CycloneDX",\n "specVersion": "1.5",,}', r"line 2, column 23"),
        ('{"bomFormat": "CycloneDX",\n', r"ends in line 2"),
        ('{"bomFormat": "CycloneDX", "specVersion": "2.0"}', r"version is 2\.0"),
        ('{"bomFormat": "Other", "specVersion": "1.5"}', r"bomFormat is not"),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5", "specVersion": "1.6"}', "name .* twice"),
        ('{"bomFormat": "CycloneDX", "specVersion": NaN}', "line 1, column 43"),
        ("[1]", "no JSON object"),
        ("<bom/>", "not a bom of cyclonedx.org"),
        ("<bom", "line 1"),
        ("[" * 100_000, "nested too deep|ends in line"),
        (
            """<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
            <bom xmlns="http://cyclonedx.org/schema/bom/1.5">&b;</bom>""",
            "document type",
        ),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read(tmp_path, content)


def test_a_broken_file_does_not_lose_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"bomFormat": "CycloneDX"')
    (tmp_path / "b.json").write_text(json.dumps(bom()))
    files = {n: tmp_path / n for n in ("a.json", "b.json")}
    found = gather_together(CycloneDx(), files, Options())
    assert found.tables["product"].num_rows == 1
    assert found.files["a.json"].rows_rejected == 1


@pytest.mark.parametrize(
    ("file", "parts", "dependencies"),
    [
        # `jq '[.. | .components? // empty | length] | add'` plus one for `.metadata.component`,
        # and `jq '.dependencies | length'`; for XML `grep -c '<component '`.
        ("HBOM/PCIe-SATA-adapter-board/bom.json", 7, 0),
        ("SBOM/cern-lhc-vdm-editor-e564943/bom.json", 44, 0),
        ("SBOM/cern-lhc-vdm-editor-e564943/bom.xml", 44, 0),
        ("SBOM/dropwizard-1.3.15/bom.json", 168, 167),
    ],
)
def test_parts_of_the_public_examples_are_all_there(
    shared_data: Path, file: str, parts: int, dependencies: int
) -> None:
    path = shared_data / "cyclonedx-bom-examples" / file
    found = gather(CycloneDx(), path, Options())
    assert found.tables["component"].num_rows == parts
    assert found.tables["product"].num_rows == 1
    reasons = {r["reason"]: r["rows"] for r in found.rejects.to_pylist()}
    assert (
        reasons.get("a dependency says who needs whom, not what is part of what", 0) == dependencies
    )
    text = path.read_text()
    if path.suffix == ".json":
        names = re.findall(r'"purl"\s*:\s*"([^"]+)"', text)
    else:
        names = [e.text or "" for e in etree.fromstring(text.encode()).iter("{*}purl")]
    purls = [r["purl"] for r in rows(found, "component") if "purl" in r]
    assert sorted(map(str, purls)) == sorted(names)


def test_json_and_xml_of_one_example_join_without_conflict(shared_data: Path) -> None:
    folder = shared_data / "cyclonedx-bom-examples" / "SBOM" / "cern-lhc-vdm-editor-e564943"
    parts = [gather(CycloneDx(), folder / n, Options()).tables for n in ("bom.json", "bom.xml")]
    merged = merge([Tables(dict(p)) for p in parts])
    assert merged.tables["component"].num_rows == 44
    assert merged.findings.num_rows == 0


def test_weaknesses_of_the_public_vex_are_all_there(shared_data: Path) -> None:
    """`jq '.vulnerabilities | length'`, and of `.affects[]` those with versions once each."""
    folder = shared_data / "cyclonedx-bom-examples" / "VEX"
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*.json"))}
    found = gather_together(CycloneDx(), files, Options())
    said = 0
    for path in files.values():
        for weakness in json.loads(path.read_text()).get("vulnerabilities", ()):
            said += sum(len(a.get("versions", [1])) for a in weakness["affects"])
    assert found.tables["vulnerability"].num_rows == 19 + 4 + 19
    assert found.tables["affected"].num_rows == said
    assert found.rejects.num_rows == 0
    # Every product that a VEX names is in one of the lists beside it.
    assert found.tables["affected"].column("component").null_count == 0


def test_no_other_file_is_claimed(shared_data: Path) -> None:
    claimed = {
        path.relative_to(shared_data).parts[0]
        for path in shared_data.rglob("*")
        if path.is_file() and CycloneDx().claims(path, path.read_bytes()[:65536]).sureness > 0
    }
    assert claimed == {"cyclonedx-bom-examples"}
