"""What tests of a live day share: a small lake that has learned all that it needs, built once; they only read it."""

from __future__ import annotations

import pytest

from tests.kwx.live.learned_lake import Learned, learn


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """The lake and the models."""
    return learn(tmp_path_factory.mktemp("learned"))
