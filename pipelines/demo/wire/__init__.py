"""The demo world as its vendors would tell it: their addresses, formats, limits and failures, on 127.0.0.1.

The server knows a world and an instant. It tells nothing that could not have been had by that instant, and everything
else in the vendors' own words, so that the clients and parsers of production read it as they read the real thing.
"""

from __future__ import annotations

from pipelines.demo.wire.faults import Faults
from pipelines.demo.wire.limits import Limits
from pipelines.demo.wire.server import Served, serve

__all__ = ["Faults", "Limits", "Served", "serve"]
