"""CSAF advisories: the tree, what is said of each product, and what is not said."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.network.merge import merge
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.csaf import Csaf
from ringfence.sources.known_exploited import KnownExploited
from ringfence.store.duck import Tables

# Products and vulnerabilities of each advisory: `grep -c '"product_id":'` and `grep -c '"cve":'`.
ADVISORIES = {
    "2022/icsa-22-132-13": (34, 2), "2022/icsa-22-195-18": (144, 1),
    "2022/icsa-22-223-03": (3, 13), "2022/icsa-22-258-03": (32, 1),
    "2022/icsa-22-286-11": (186, 1), "2022/icsa-22-307-02": (2, 3),
    "2022/icsa-22-326-05": (13, 1), "2023/icsa-23-047-08": (22, 7),
    "2023/icsa-23-075-02": (1, 2), "2023/icsa-23-143-03": (43, 1),
    "2023/icsa-23-194-01": (11, 21), "2023/icsa-23-222-05": (1, 5),
    "2023/icsa-23-222-12": (148, 1), "2023/icsa-23-285-07": (1, 7),
    "2023/icsa-23-320-14": (1, 3), "2023/icsa-23-348-14": (40, 9),
}  # fmt: skip


def tree() -> dict[str, Any]:
    def version(number: str, key: str, **more: object) -> dict[str, Any]:
        return {
            "category": "product_version_range",
            "name": number,
            "product": {"name": f"ValeOS {number}", "product_id": key, **more},
        }

    helper = {"cpe": "cpe:2.3:o:vale:valeos", "purl": "pkg:generic/valeos"}
    return {
        "branches": [
            {
                "category": "vendor",
                "name": "Vale Networks",
                "branches": [
                    {
                        "category": "product_name",
                        "name": "ValeOS",
                        "branches": [
                            version("<4.2", "A", product_identification_helper=helper),
                            version("4.2", "B"),
                        ],
                    }
                ],
            }
        ],
        "full_product_names": [{"name": "Moor Library 1", "product_id": "M"}],
        "relationships": [
            {
                "category": "installed_on",
                "product_reference": "M",
                "relates_to_product_reference": "A",
                "full_product_name": {"name": "Moor Library 1 on ValeOS", "product_id": "MA"},
            }
        ],
        "product_groups": [{"group_id": "G", "product_ids": ["A", "MA"]}],
    }


def advisory(*vulnerabilities: object, **more: object) -> dict[str, Any]:
    return {
        "document": {
            "category": "csaf_security_advisory",
            "csaf_version": "2.0",
            "tracking": {"id": "VALE-SA-1"},
        },
        "product_tree": tree(),
        "vulnerabilities": list(vulnerabilities),
        **more,
    }


def read(folder: Path, content: object) -> Gathered:
    path = folder / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return gather(Csaf(), path, Options())


def rows(found: Gathered, table: str) -> list[dict[str, object]]:
    data = found.tables.get(table)
    stated = data.to_pylist() if data else []
    return [{k: v for k, v in row.items() if v is not None and k != "origin"} for row in stated]


def test_the_tree_gives_products_and_what_is_said_of_them(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        advisory(
            {
                "cve": "CVE-2022-3602",
                "title": "A title of this advisory",
                "cwe": {"id": "CWE-787", "name": "Out-of-bounds Write"},
                "release_date": "2022-11-01T10:00:00.000Z",
                "product_status": {"known_affected": ["A", "MA"], "fixed": ["B"]},
                "scores": [
                    {"products": ["A"], "cvss_v2": {"baseScore": 5.0, "vectorString": "AV:N"},
                     "cvss_v3": {"baseScore": 7.5, "vectorString": "CVSS:3.1/AV:N"}},
                ],
                "remediations": [
                    {"category": "workaround", "details": "Switch it off", "group_ids": ["G"]},
                    {"category": "vendor_fix", "details": "Update\n to 4.2", "product_ids": ["A"],
                     "url": "https://vale.example"},
                ],
            }
        ),
    )  # fmt: skip
    assert rows(found, "product") == [
        {"id": "csaf:/Moor Library 1", "model": "Moor Library 1"},
        {"id": "csaf:Vale Networks/ValeOS", "vendor_name": "Vale Networks", "model": "ValeOS"},
        {"id": "csaf:/Moor Library 1 on ValeOS", "model": "Moor Library 1 on ValeOS"},
    ]
    assert rows(found, "vulnerability") == [
        {
            "id": "CVE-2022-3602",
            "cvss_score": 7.5,
            "cvss_vector": "CVSS:3.1/AV:N",
            "weakness": "CWE-787",
            "published_on": date(2022, 11, 1),
        }
    ]
    first, on, fixed = rows(found, "affected")
    assert first == {
        "vulnerability": "CVE-2022-3602",
        "subject": "csaf:VALE-SA-1/A",
        "vendor_name": "Vale Networks",
        "product_name": "ValeOS",
        "version_range": "<4.2",
        "cpe": "cpe:2.3:o:vale:valeos",
        "purl": "pkg:generic/valeos",
        "status": "affected",
        "remedy": "Update to 4.2 https://vale.example",
    }
    assert (on["subject"], on["status"], on["remedy"]) == (
        "csaf:VALE-SA-1/MA", "affected", "Switch it off",
    )  # fmt: skip
    # The library's maker is not stated, so that of the two together is not either.
    assert "vendor_name" not in on
    assert (fixed["subject"], fixed["status"], fixed.get("remedy")) == (
        "csaf:VALE-SA-1/B", "fixed", None,
    )  # fmt: skip
    assert [(r["kind"], r["rows"]) for r in found.rejects.to_pylist()] == [("set aside", 1)]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("first_affected", "affected"),
        ("known_affected", "affected"),
        ("last_affected", "affected"),
        ("first_fixed", "fixed"),
        ("fixed", "fixed"),
        ("known_not_affected", "not affected"),
        ("under_investigation", "under investigation"),
        ("recommended", None),
        ("unknown", None),
        ("something_new", None),
    ],
)
def test_each_status_says_what_the_standard_says(
    tmp_path: Path, group: str, expected: str | None
) -> None:
    found = read(tmp_path, advisory({"cve": "CVE-2022-3602", "product_status": {group: ["A"]}}))
    assert [r["status"] for r in rows(found, "affected")] == ([expected] if expected else [])
    assert found.rejects.num_rows == 1 + (expected is None)


def test_contradictions_and_products_that_are_not_there_are_faults(tmp_path: Path) -> None:
    status = {"known_affected": ["A", "nowhere"], "fixed": ["A", "B"]}
    found = read(tmp_path, advisory({"cve": "CVE-2022-3602", "product_status": status}))
    assert [(r["subject"][-1:], r["status"]) for r in rows(found, "affected")] == [  # type: ignore[index]
        ("A", "affected"), ("B", "fixed"),
    ]  # fmt: skip
    faults = [r["reason"] for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert faults == [
        "the product nowhere is not in the product tree",
        "the product A is both affected and fixed",
    ]


def test_scores_that_differ_by_product_are_no_one_score(tmp_path: Path) -> None:
    scores = [{"products": [p], "cvss_v3": {"baseScore": s}} for p, s in (("A", 7.5), ("B", 9.8))]
    found = read(tmp_path, advisory({"cve": "CVE-2022-3602", "scores": scores}))
    assert rows(found, "vulnerability") == [{"id": "CVE-2022-3602"}]


def test_version_2_1_is_read_with_its_own_names(tmp_path: Path) -> None:
    content = advisory(
        {
            "cve": "CVE-2022-3602",
            "cwes": [{"id": "CWE-787"}, {"id": "CWE-121"}],
            "disclosure_date": "2022-11-01T00:00:00Z",
            "metrics": [{"products": ["A"], "content": {"cvss_v4": {"baseScore": 8.7}}}],
            "product_status": {"known_affected": ["A"]},
        }
    )
    content["document"]["csaf_version"] = "2.1"
    product = content["product_tree"]["branches"][0]["branches"][0]["branches"][0]["product"]
    product["product_identification_helper"] = {"purls": ["pkg:generic/valeos"]}
    found = read(tmp_path, content)
    assert rows(found, "vulnerability") == [
        {
            "id": "CVE-2022-3602",
            "cvss_score": 8.7,
            "weakness": "CWE-787, CWE-121",
            "published_on": date(2022, 11, 1),
        }
    ]
    assert rows(found, "affected")[0]["purl"] == "pkg:generic/valeos"


def test_a_weakness_without_a_cve_has_a_key_of_its_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        advisory(
            {"ids": [{"system_name": "Vale tracker", "text": "12"}], "title": "Weak default"},
            {"ids": [{"system_name": "GitHub", "text": "GHSA-aaaa-bbbb-cccc"}]},
            {"title": "Nameless"},
            {"notes": []},
        ),
    )
    assert rows(found, "vulnerability") == [
        {"id": "csaf:Vale tracker:12", "title": "Weak default"},
        {"id": "GHSA-aaaa-bbbb-cccc"},
        {"id": "csaf:VALE-SA-1/Nameless", "title": "Nameless"},
    ]
    assert [r["kind"] for r in found.rejects.to_pylist()].count("fault") == 1


def test_one_bad_record_does_not_lose_the_others(tmp_path: Path) -> None:
    content = advisory(
        {"cve": "CVE-2022-3602"},
        None,
        {"cve": 5},
        {"cve": "CVE-2022-1", "scores": [{"cvss_v3": {"baseScore": 11}}]},
        {"cve": "CVE-2022-2", "release_date": "yesterday"},
        {"cve": "CVE-2022-3", "product_status": {"fixed": [5]}},
    )
    content["product_tree"]["branches"] += [None, {"branches": 5}, {"product": {"name": "x"}}]
    content["product_tree"]["relationships"] += [{"category": "x"}]
    found = read(tmp_path, content)
    assert [r["id"] for r in rows(found, "vulnerability")] == ["CVE-2022-3602"]
    assert found.tables["product"].num_rows == 3
    assert [r["kind"] for r in found.rejects.to_pylist()].count("fault") == 5 + 3 + 1


def test_a_very_deep_tree_is_read(tmp_path: Path) -> None:
    branch: dict[str, Any] = {"product": {"name": "x", "product_id": "X"}}
    for depth in range(300):
        branch = {"category": "product_family", "name": str(depth), "branches": [branch]}
    content = advisory()
    content["product_tree"] = {"branches": [branch]}
    assert rows(read(tmp_path, content), "product") == [{"id": "csaf:/x", "model": "x"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"document": {"csaf_version": "2.0"}}', "id is not stated"),
        ('{"document": {"csaf_version": "1.1", "tracking": {"id": "x"}}}', "csaf_version is 1.1"),
        ('{"document": []}', "document is no object"),
        ('{"document": {\n', "ends in line 2"),
    ],
)
def test_what_is_no_advisory_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read(tmp_path, content)


def test_every_public_advisory_is_read_whole(shared_data: Path) -> None:
    folder = shared_data / "cisa-csaf" / "csaf_files" / "OT" / "white"
    assert {str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.json")} == set(
        ADVISORIES
    )
    for name, (products, weaknesses) in ADVISORIES.items():
        path = folder / f"{name}.json"
        text = path.read_text()
        assert (text.count('"product_id":'), text.count('"cve":')) == (products, weaknesses)
        found = gather(Csaf(), path, Options())
        assert found.rows_read == products + weaknesses, name
        assert found.rejects.num_rows == 0
        assert found.tables["vulnerability"].num_rows == weaknesses
        said = [
            product
            for weakness in json.loads(text)["vulnerabilities"]
            for products in weakness["product_status"].values()
            for product in products
        ]
        assert found.tables["affected"].num_rows == len(said)
        assert found.tables["affected"].column("version_range").null_count == 0
        assert set(found.tables["affected"].column("status").to_pylist()) == {"affected"}


def test_advisories_and_the_catalogue_speak_of_the_same_weakness(shared_data: Path) -> None:
    """Laid together, a CVE is one row: titled by the catalogue, scored by the advisories."""
    folder = shared_data / "cisa-csaf" / "csaf_files" / "OT" / "white"
    catalogue = shared_data / "cisa-kev" / "known_exploited_vulnerabilities.json"
    parts = [gather(Csaf(), p, Options()) for p in sorted(folder.rglob("*.json"))]
    parts.append(gather(KnownExploited(), catalogue, Options()))
    merged = merge([Tables(dict(p.tables)) for p in parts])
    keys = {v for p in parts for v in p.tables["vulnerability"].column("id").to_pylist()}
    assert merged.tables["vulnerability"].num_rows == len(keys)
    assert merged.tables["vulnerability"].column("title").null_count == len(keys) - 963 + 0
    assert merged.contradictions == []
    differing = [f for f in merged.findings.to_pylist() if f["subject_table"] == "vulnerability"]
    assert [f for f in differing if "title" in f["because"]] == []


def test_no_other_file_is_claimed(shared_data: Path) -> None:
    claimed = {
        path.relative_to(shared_data).parts[0]
        for path in shared_data.rglob("*")
        if path.is_file() and Csaf().claims(path, path.read_bytes()[:65536]).sureness > 0
    }
    assert claimed == {"cisa-csaf"}
