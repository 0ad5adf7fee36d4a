"""Who signed a pack, and whether that key is trusted here.

A signature is over the sha256 of all the pack's files, with their names, so that no file of it can
be changed, taken out or put in. It says who wrote a pack, not that the pack is harmless: a pack that
did not come with the program runs behind the wall of `store.jail` whoever signed it.

Keys are Ed25519 (RFC 8032), in PEM; a key is named by the sha256 of its 32 bytes.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import (
    InputError,
    NotFoundError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from ringfence.rules.pack import Pack

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE = "pack.sig"
"""The file beside `pack.toml`, which is no part of what is signed."""

KEYS = "keys"
"""The folder of a workspace with the keys it trusts."""

_BYTES_AT_MOST = 16_384
_MEANS = b"ringfence rule pack, version 1\n"
"""What a signature is for, so that none made for something else can be passed off as one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pack stands: `signed_by` is the name of a key, None where it is not signed."""

    signed_by: str | None
    is_trusted: bool
    is_built_in: bool

    def __str__(self) -> str:
        if self.is_built_in:
            return "comes with the program"
        signed = f"signed by {self.signed_by}" if self.signed_by else "not signed"
        return f"{signed}, {'trusted' if self.is_trusted else 'not trusted'}: runs walled"


def standing_of(pack: Pack, keys: Path) -> Standing:
    """Who signed a pack; `keys` is the folder of the keys that are trusted.

    Raises `VerificationError` where there is a signature that is not one of these files.
    """
    if pack.built_in:
        return Standing(None, is_trusted=True, is_built_in=True)
    file = Path(pack.place) / SIGNATURE
    if file.is_symlink() or not file.is_file():
        return Standing(None, is_trusted=False, is_built_in=False)
    key, signature = _read_signature(file)
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # may be missing
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )
    except ImportError:
        raise _no_library() from None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _message(pack))
    except (InvalidSignature, ValueError):
        raise VerificationError(
            "the signature is not one of these files",
            where=str(file),
            hint="the pack was changed after it was signed; sign it again: ringfence rules sign",
        ) from None
    name = sha256(key).hexdigest()
    return Standing(name, is_trusted=name in trusted(keys), is_built_in=False)


def sign(pack: Pack, key: Path) -> Path:
    """Sign a pack with the private key in a PEM file; returns the file of the signature."""
    if pack.built_in:
        raise UsageError("a pack that comes with the program needs no signature", where=pack.id)
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # may be missing
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
    except ImportError:
        raise _no_library() from None
    try:
        private = serialization.load_pem_private_key(_content(key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(
            "is no Ed25519 private key",
            where=str(key),
            hint="make one: openssl genpkey -algorithm ed25519 -out key.pem",
        )
    said = {
        "public_key": base64.b64encode(private.public_key().public_bytes_raw()).decode(),
        "signature": base64.b64encode(private.sign(_message(pack))).decode(),
    }
    file = Path(pack.place) / SIGNATURE
    try:
        # A link in its place, which a stranger's folder may have, would lead us to another file.
        file.unlink(missing_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(json.dumps(said, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(file)) from error
    return file


def trust(key: Path, keys: Path) -> str:
    """Trust the public key in a PEM file from now on; returns its name."""
    content = _content(key)
    raw = _public(content, key).public_bytes_raw()
    name = sha256(raw).hexdigest()
    try:
        keys.mkdir(exist_ok=True)
        (keys / f"{name}.pem").write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(keys)) from error
    return name


def trusted(keys: Path) -> list[str]:
    """The names of the keys that are trusted; each is worked out of the key itself."""
    return sorted(
        sha256(_public(_content(file), file).public_bytes_raw()).hexdigest()
        for file in keys.glob("*.pem")
    )


def _public(content: bytes, place: Path) -> "Ed25519PublicKey":
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # may be missing
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )
    except ImportError:
        raise _no_library() from None
    try:
        found = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise InputError(
            "is no Ed25519 public key",
            where=str(place),
            hint="make it of the private one: openssl pkey -in key.pem -pubout",
        )
    return found


def _message(pack: Pack) -> bytes:
    return _MEANS + pack.hash.encode()


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise NotFoundError("no such key", where=str(file))
    try:
        with file.open("rb") as opened:
            return opened.read(_BYTES_AT_MOST)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _read_signature(file: Path) -> tuple[bytes, bytes]:
    try:
        said = json.loads(_content(file))
        return (
            base64.b64decode(said["public_key"], validate=True),
            base64.b64decode(said["signature"], validate=True),
        )
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        raise VerificationError("is no signature", where=str(file)) from None


def _no_library() -> UnavailableError:
    return UnavailableError(
        "signatures need the package cryptography", hint="install it: pip install cryptography"
    )
