"""What JAX compiles is kept on disk, so that the next process begins at once."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import jax


@lru_cache(maxsize=1)
def keep_compiled() -> None:
    """Keep what is compiled on disk, unless the user has said where."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "kwx" / "jax"))  # type: ignore[no-untyped-call]
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # type: ignore[no-untyped-call]
