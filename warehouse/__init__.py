"""What is stored and by which rules: the market's world in `market`, the columnar store in `lake`.

Imports nothing above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.lake.store import Lake, Snapshot, connect

__all__ = ["Lake", "Snapshot", "connect"]


def __getattr__(name: str) -> Any:
    """Load the store only when it is asked for: `import warehouse.errors` must not pay for two databases."""
    if name not in __all__:
        raise AttributeError(f"module 'warehouse' has no attribute {name!r}")
    from warehouse.lake import store

    return getattr(store, name)
