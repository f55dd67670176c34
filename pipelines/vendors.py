"""Who is asked, where, and how fast: addresses and limits of every vendor. One loopback server can stand for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One vendor: its host, its rate limits as token buckets, and how many questions it takes at the same time.

    Who has something done takes tokens of a bucket of its own; most vendors let nobody do anything.
    """

    name: str
    base_url: str
    tokens_per_second: float
    burst_tokens: float
    concurrency: int = 1
    tokens_per_question: int = 1
    write_tokens_per_second: float = 1
    write_burst_tokens: float = 1


# Kalshi, with a key: the Basic tier's 200 read tokens a second, 10 for each GET, three seconds of them at once; and 100
# write tokens, 10 for each new order, one second of them at once.
# Without a key the limit is unpublished; five requests a second were sustained by others.
KALSHI_SIGNED = Vendor(
    name="kalshi",
    base_url="https://external-api.kalshi.com",
    tokens_per_second=200,
    burst_tokens=600,
    concurrency=8,
    tokens_per_question=10,
    write_tokens_per_second=100,
    write_burst_tokens=100,
)
KALSHI_UNSIGNED = replace(KALSHI_SIGNED, tokens_per_second=50, burst_tokens=50, concurrency=4)

KALSHI_STREAM_URL = "wss://external-api-ws.kalshi.com/trade-api/ws/v2"

_OTHERS = (
    # Visual Crossing answers "Maximum concurrency exceeded" to a second question on small plans.
    Vendor(
        name="vc",
        base_url="https://weather.visualcrossing.com",
        tokens_per_second=2,
        burst_tokens=2,
        concurrency=1,
    ),
    # An undocumented page of somebody else: slowly, and nothing depends on it.
    Vendor(name="twc", base_url="https://weather.com", tokens_per_second=0.5, burst_tokens=1),
    # Iowa State throttles to one request a second and address.
    Vendor(name="iem", base_url="https://mesonet.agron.iastate.edu", tokens_per_second=0.9, burst_tokens=1),
    Vendor(name="ncei", base_url="https://www.ncei.noaa.gov", tokens_per_second=1, burst_tokens=2),
)

Vendors = Mapping[str, Vendor]


def production(*, signed: bool) -> Vendors:
    """Return the real vendors."""
    return {vendor.name: vendor for vendor in (KALSHI_SIGNED if signed else KALSHI_UNSIGNED, *_OTHERS)}


def loopback(url: str, *, tokens_per_second: float = 200) -> Vendors:
    """Return every vendor at one address: a `kwx demo serve`, whose limits are its own."""
    return {
        name: replace(
            vendor, base_url=url.rstrip("/"), tokens_per_second=tokens_per_second, burst_tokens=tokens_per_second
        )
        if name == "kalshi"
        else replace(vendor, base_url=url.rstrip("/"), tokens_per_second=1_000, burst_tokens=1_000, concurrency=4)
        for name, vendor in production(signed=True).items()
    }
