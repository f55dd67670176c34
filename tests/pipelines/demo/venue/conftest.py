"""A desk over two empty markets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.pipelines.demo.venue.made_desk import Made


@pytest.fixture
def made() -> Made:
    """A desk over two empty markets."""
    return Made()


@pytest.fixture
def making() -> Callable[..., Made]:
    """Return how to make one with other settings."""
    return Made
