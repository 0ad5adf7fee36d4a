"""Ringfence: decide, on facts, where a vendor may be in a country's 5G networks.

The public names are loaded when first used, so that `import ringfence` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringfence.errors import RingfenceError
    from ringfence.workspace import Workspace
    from ringfence.workspace import open_workspace as open  # noqa: A004

__all__ = ["RingfenceError", "Workspace", "open"]

_HOME = {
    "RingfenceError": ("ringfence.errors", "RingfenceError"),
    "Workspace": ("ringfence.workspace", "Workspace"),
    "open": ("ringfence.workspace", "open_workspace"),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'ringfence' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)
