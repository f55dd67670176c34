"""Which parser reads which kind of payload."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from pipelines.payload import Parser
from warehouse.errors import Usage

_PARSERS: Mapping[str, str] = {
    "kalshi_series": "pipelines.kalshi.markets:parse_market_payloads",
    "kalshi_events": "pipelines.kalshi.markets:parse_market_payloads",
    "kalshi_markets": "pipelines.kalshi.markets:parse_market_payloads",
    "kalshi_fee_changes": "pipelines.kalshi.markets:parse_market_payloads",
    "kalshi_candles": "pipelines.kalshi.candles:parse_candles",
    "kalshi_trades": "pipelines.kalshi.trades:parse_trades",
    "vc_obs": "pipelines.weather.visual_crossing:parse_vc_obs",
    "vc_nowcast": "pipelines.weather.visual_crossing:parse_vc_nowcast",
    "vc_forecast": "pipelines.weather.vc_forecast:parse_vc_forecast",
    "iem_asos": "pipelines.weather.asos:parse_iem_asos",
    "iem_asos1min": "pipelines.weather.asos:parse_iem_asos1min",
    "iem_afos": "pipelines.weather.nws_text:parse_nws_text",
    "iem_cli": "pipelines.weather.iem_cli:parse_iem_cli",
    "iem_mos": "pipelines.weather.guidance:parse_iem_mos",
    "nws_text": "pipelines.weather.nws_text:parse_nws_text",
    "twc_climate": "pipelines.weather.twc:parse_twc_climate",
    "ncei_daily": "pipelines.weather.ghcn:parse_ncei_daily",
    "ncei_hourly": "pipelines.weather.ncei_hourly:parse_ncei_hourly",
    "open_meteo": "pipelines.weather.open_meteo:parse_open_meteo",
    "columns_open_meteo": "pipelines.weather.open_meteo:parse_columns_open_meteo",
    "stream_rows": "pipelines.ingest.hot:parse_stream_rows",
    "columns_trades": "pipelines.kalshi.archive_frames:parse_trade_columns",
    "columns_markets": "pipelines.kalshi.archive_frames:parse_market_columns",
}

TOGETHER: Mapping[str, str] = dict.fromkeys(
    ("kalshi_series", "kalshi_events", "kalshi_markets", "kalshi_fee_changes"), "listing"
)
"""Kinds that only make sense together: what a market pays in fees is said by its series and its event."""


def parser_of(kind: str) -> Parser:
    """Return the parser of a kind."""
    if kind not in _PARSERS:
        raise Usage(f"no parser reads {kind!r}", hint=f"the kinds are {' '.join(sorted(_PARSERS))}")
    module, _, name = _PARSERS[kind].partition(":")
    return cast("Parser", getattr(import_module(module), name))
