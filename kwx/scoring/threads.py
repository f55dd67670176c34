"""Linear algebra on one thread: small products wait for each other on several, and sum in another order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which the linear algebra of this process runs on one thread."""
    held: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return held


@lru_cache
def _controller() -> ThreadpoolController:
    """Return what holds the linear algebra of this process; it is searched for once."""
    return ThreadpoolController()
