"""Orders and the account: what is asked of the exchange, what is to be done there, and what it says, exactly."""

from __future__ import annotations
