"""Label selectors, asked of labels that may not all be stated.

The answer is yes, no, or not known. A namespace whose manifest is not given has one label for
certain, `kubernetes.io/metadata.name`, which the API server sets; whether it has others is not
known. The same holds of labels that a controller gives its pods when it makes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.sources.yaml_files import Node

NAMESPACE_NAME = "kubernetes.io/metadata.name"

CONTROLLER_LABELS = frozenset(
    (
        "pod-template-hash", "controller-revision-hash", "pod-template-generation",
        "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
        "job-name", "controller-uid", "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index",
    )
)  # fmt: skip
"""Labels that Kubernetes' own controllers put on the pods they make."""

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a pod or namespace.

    `is_complete` says that there are no others; `unknown` names those that there may be anyway.
    """

    stated: Mapping[str, str]
    is_complete: bool = True
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold; none of them is met by everything.

    `is_understood` is false where it asks for something that is not known here; then it answers
    no where a requirement fails, and otherwise not known.
    """

    requirements: tuple[tuple[str, str, tuple[str, ...]], ...]
    is_understood: bool = True

    def matches(self, labels: Labels) -> bool | None:
        """Whether the labels meet it; None where that is not known."""
        answer: bool | None = True if self.is_understood else None
        for key, operator, values in self.requirements:
            holds = _holds(key, operator, values, labels)
            if holds is False:
                return False
            if holds is None:
                answer = None
        return answer

    def also(self, labels: Mapping[str, str]) -> "Selector":
        """The same, and these labels too."""
        more = {(key, "In", (value,)) for key, value in labels.items()}
        return Selector(tuple(sorted({*self.requirements, *more})), self.is_understood)

    def __str__(self) -> str:
        """A spelling that is the same for selectors that ask the same."""
        parts = [
            f"{key} {operator} {','.join(values)}".strip()
            for key, operator, values in self.requirements
        ]
        return "&".join(parts) + ("" if self.is_understood else "&?") or "*"


def selector(node: Node | None) -> Selector:
    """The selector as written; an empty one, or none, selects everything."""
    if node is None or node.is_null:
        return Selector(())
    requirements: set[tuple[str, str, tuple[str, ...]]] = set()
    understood = node.is_mapping
    for name, below in node.entries().items():
        if name == "matchLabels":
            for key, wanted in below.entries().items():
                requirements.add((key, "In", (wanted.text or "",)))
        elif name == "matchExpressions":
            for expression in below.each():
                asked, operator = expression.at("key"), expression.at("operator")
                if asked is None or operator not in _OPERATORS:
                    understood = False
                    continue
                requirements.add((asked, operator, tuple(sorted(expression.texts("values")))))
        else:
            understood = False
    return Selector(tuple(sorted(requirements)), understood)


def equals(node: Node | None) -> Selector | None:
    """The selector of a Service, a plain mapping; None where it selects nothing."""
    if node is None or not node.entries():
        return None
    pairs = ((k, "In", (v.text or "",)) for k, v in node.entries().items())
    return Selector(tuple(sorted(pairs)))


def _holds(key: str, operator: str, values: tuple[str, ...], labels: Labels) -> bool | None:
    value = labels.stated.get(key)
    if value is None and (not labels.is_complete or key in labels.unknown):
        return None
    match operator:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
