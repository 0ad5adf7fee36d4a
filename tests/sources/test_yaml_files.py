"""YAML with lines: what is read, what is refused and where, and that nothing else comes out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import SourceError
from ringfence.sources import yaml_files
from ringfence.sources.yaml_files import (
    DEPTH,
    Fault,
    Node,
    decode,
    documents,
    read_text,
    template_line,
)
from tests.sources.mutations import mutated

TEXT = """\
# a comment
name: core
ports:
  - 80
  - "443"
more: &shared
  on: yes
again: *shared
config: |
  first
  second
"""


def only(text: str) -> Node | Fault:
    (found,) = documents(text)
    return found


def root(text: str) -> Node:
    found = only(text)
    assert isinstance(found, Node)
    return found


def fault(text: str) -> Fault:
    found = only(text)
    assert isinstance(found, Fault)
    return found


def test_every_node_knows_its_line() -> None:
    node = root(TEXT)
    lines = {key: value.line for key, value in node.entries().items()}
    assert lines == {"name": 2, "ports": 4, "more": 6, "again": 6, "config": 9}
    assert [n.line for n in node.each("ports")] == [4, 5]
    config = node.get("config")
    assert config is not None
    assert config.content_line(2) == 11


def test_scalars_stay_as_written() -> None:
    node = root(
        "mnc: 01\nsd: 0x010203\nquoted: 'null'\nempty:\nflag: on\nbig: 9999999999999999999\n"
    )
    assert node.at("mnc") == "01"
    assert (node.get("sd") or node).integer == 0x010203
    assert node.at("quoted") == "null"
    assert node.at("empty") is None
    assert (node.get("flag") or node).truth is True
    assert (node.get("big") or node).integer is None


def test_a_key_twice_is_refused_with_its_line_and_the_next_document_is_read() -> None:
    found = list(documents("a: 1\nb: 2\na: 3\n---\nc: 4\n"))
    assert isinstance(found[0], Fault)
    assert found[0].line == 3
    assert "'a' is there twice" in found[0].reason
    assert isinstance(found[1], Node)
    assert found[1].at("c") == "4"


def test_aliases_that_unfold_without_end_are_refused() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
    )
    assert "aliases" in fault(bomb).reason
    assert fault("a: &a [*a]").reason == "the alias *a names nothing before it"


def test_a_long_file_without_aliases_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_files, "NODES", 5)
    assert isinstance(only("a: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"), Node)
    shared = "a: &a [1, 2, 3, 4]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n"
    assert "aliases" in fault(shared).reason


def test_what_is_nested_too_deep_is_refused() -> None:
    assert fault("[" * 5000).reason.startswith(("is nested deeper", "is not YAML"))
    deep = "".join(f"{' ' * i}a:\n" for i in range(DEPTH + 5))
    assert fault(deep).reason == f"is nested deeper than {DEPTH}"
    assert isinstance(only("".join(f"{' ' * i}a:\n" for i in range(DEPTH - 1))), Node)


def test_merged_keys_yield_to_stated_ones() -> None:
    node = root("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n")
    assert (node.get("use") or node).plain() == {"y": "3", "x": "1"}


def test_syntax_is_refused_with_its_line_after_what_came_before() -> None:
    found = list(documents("a: 1\n---\nb: [1\nc: 2\n"))
    assert isinstance(found[0], Node)
    assert isinstance(found[1], Fault)
    assert found[1].line in (3, 4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_read_as_json_reads_it(value: object) -> None:
    """Against the standard library's reader, with and without escapes."""

    def texts(item: object) -> object:
        if isinstance(item, dict):
            return {k: texts(v) for k, v in item.items()}
        if isinstance(item, list):
            return [texts(v) for v in item]
        return item if isinstance(item, str | None) else json.dumps(item)

    for escaped in (True, False):
        try:
            text = json.dumps({"value": value}, ensure_ascii=escaped)
            text.encode()
        except UnicodeEncodeError:
            continue
        found = only(text)
        if isinstance(found, Fault):
            # Characters that YAML does not have, unescaped, and half a pair.
            assert "not YAML" in found.reason or "there twice" in found.reason
        else:
            assert found.plain() == {"value": texts(value)}


@given(mutated(TEXT.encode()))
def test_bent_files_are_documents_or_faults(content: bytes) -> None:
    try:
        text = decode(content, "x")
    except SourceError:
        return
    for found in documents(text):
        assert isinstance(found, Node | Fault)


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes("name: café\r\n".encode(encoding))
        assert root(read_text(path)).at("name") == "café"
    path.write_bytes(b"a: 1\nname: caf\xe9\n")
    with pytest.raises(SourceError, match="line 2"):
        read_text(path)


@pytest.mark.parametrize(
    "text",
    [
        "name: {{ .Values.name }}",
        "{{- if .Values.enabled }}\na: 1\n{{- end }}",
        '{{- define "chart.name" -}}',
        "a:\n  {{- toYaml .x | nindent 4 }}",
    ],
)
def test_templates_are_known(text: str) -> None:
    assert template_line(text) is not None


@pytest.mark.parametrize(
    "text", ["a: '{{ $labels.x }}'", "a: {b: {c: 1}}", "# {{ x }}", "a: {{}: 1}"]
)
def test_what_only_looks_like_a_template_is_none(text: str) -> None:
    assert template_line(text) is None
