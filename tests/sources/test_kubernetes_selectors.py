"""Label selectors against the words of their definition, in two and in three values."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sources.kubernetes.selectors import Labels, Selector, equals, selector
from ringfence.sources.yaml_files import Node, documents

KEYS, VALUES = ("a", "b", "c"), ("1", "2", "3")
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
REQUIREMENT = st.tuples(
    st.sampled_from(KEYS),
    st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist")),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=2).map(tuple),
)
SELECTOR = st.lists(REQUIREMENT, max_size=3).map(lambda r: Selector(tuple(r)))


def by_definition(asked: Selector, labels: dict[str, str]) -> bool:
    """LabelSelectorRequirement: NotIn and DoesNotExist are met by a label that is not there."""
    for key, operator, values in asked.requirements:
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[operator]
        if not holds:
            return False
    return True


@given(SELECTOR, LABELS)
def test_complete_labels_are_answered_as_defined(asked: Selector, labels: dict[str, str]) -> None:
    assert asked.matches(Labels(labels)) is by_definition(asked, labels)


@given(SELECTOR, LABELS, LABELS)
def test_an_answer_holds_whatever_else_there_is(
    asked: Selector, stated: dict[str, str], more: dict[str, str]
) -> None:
    """What is answered of labels that may not be all is true of all that they may be."""
    answer = asked.matches(Labels(stated, is_complete=False))
    assert answer in (None, by_definition(asked, {**more, **stated}))


@given(SELECTOR, LABELS)
def test_what_is_not_known_could_go_either_way(asked: Selector, stated: dict[str, str]) -> None:
    """Unless no label can meet all requirements at once, which takes two of them on one key."""
    keys = [key for key, _, _ in asked.requirements]
    if asked.matches(Labels(stated, is_complete=False)) is not None or len(set(keys)) < len(keys):
        return
    answers = set()
    for values in product((*VALUES, None), repeat=len(KEYS)):
        more = {k: v for k, v in zip(KEYS, values, strict=True) if v is not None}
        answers.add(by_definition(asked, {**more, **stated}))
    assert answers == {True, False}


def node(text: str) -> Node:
    (found,) = documents(text)
    assert isinstance(found, Node)
    return found


def test_selectors_as_written() -> None:
    asked = selector(
        node(
            "matchLabels: {b: '2'}\nmatchExpressions: [{key: a, operator: NotIn, values: ['1']}]\n"
        )
    )
    assert asked.requirements == (("a", "NotIn", ("1",)), ("b", "In", ("2",)))
    assert selector(None).matches(Labels({})) is True
    assert selector(node("{}")).matches(Labels({}, is_complete=False)) is True
    turned = selector(node("matchLabels: {a: '1', b: '2'}"))
    assert str(turned) == str(selector(node("matchLabels: {b: '2', a: '1'}")))
    strange = selector(
        node("matchExpressions: [{key: a, operator: Near}]\nmatchLabels: {b: '2'}\n")
    )
    assert strange.matches(Labels({"b": "2"})) is None
    assert strange.matches(Labels({"b": "1"})) is False
    assert equals(node("{}")) is None


def test_labels_that_a_controller_may_give_are_not_known() -> None:
    labels = Labels({"a": "1"}, unknown=frozenset(("pod-template-hash",)))
    assert selector(node("matchLabels: {pod-template-hash: x}")).matches(labels) is None
    assert selector(node("matchLabels: {pod-template-hash: x, a: '2'}")).matches(labels) is False
