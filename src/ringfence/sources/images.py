"""Container images as they are named: the product, its version, its maker where that is stated.

A registry or an organisation in an image's name (`ghcr.io/somebody/open5gs`) is where it is kept,
not who made it. A maker is taken only from the annotation that the OCI image specification (1.1,
"Annotations") defines for it, or from its forerunner of label-schema.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

VENDOR_LABELS = ("org.opencontainers.image.vendor", "org.label-schema.vendor")
"""Labels and annotations by which an image or a workload states its maker."""

VERSION_LABELS = (
    "org.opencontainers.image.version",
    "app.kubernetes.io/version",
    "org.label-schema.version",
)
"""Labels by which a workload states its version, where its image has no tag."""

_DIGEST = re.compile(r"@sha256:([0-9a-fA-F]{64})$")


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its repository, tag and digest; a tag of `latest` is no version and is kept null."""

    repository: str
    version: str | None
    sha256: str | None


def image(reference: str | None) -> Image | None:
    """The image meant by `registry:5000/a/b:tag@sha256:...`; None where it is stated nowhere."""
    if reference is None or not (text := reference.strip()) or "$" in text or "{{" in text:
        return None
    sha256 = None
    if found := _DIGEST.search(text):
        sha256 = found[1].lower()
        text = text[: found.start()]
    text = text.split("@", 1)[0]
    repository, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = text, ""
    return Image(repository, None if tag in ("", "latest") else tag, sha256)


def stated(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The first of these labels that is stated."""
    return next((labels[n] for n in names if labels.get(n)), None)
