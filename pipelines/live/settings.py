"""How often each source is asked, in seconds of the world that is lived in."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.asking.waiting import Patience

LIVE_PATIENCE = Patience(
    connect_s=3, read_s=8, answer_s=15, attempts=2, first_wait_s=0.5, longest_wait_s=2, total_s=20, rest_s=15
)
"""A vendor that does not answer now is asked again at the next turn: an old answer is no use to the present."""


@dataclass(frozen=True, kw_only=True)
class FeedSettings:
    """When each source is asked.

    Minutes are asked for once they are `settle_s` old, each once; `candles_s` and `trades_s` are how soon a failure is
    tried again. `nowcast_s` is what costs most: Visual Crossing charges for each row. `lookback_s` is how far back a
    start asks for trades. `books`: whether the stream is listened to. `patience`: how long a vendor is waited for; not
    said, it is short in the background and the usual one where a poll waits for its answers.
    """

    settle_s: float = 2
    listing_s: float = 600
    fees_s: float = 3_600
    candles_s: float = 9
    trades_s: float = 9
    lookback_s: float = 7_200
    vc_obs_s: float = 300
    nowcast_s: float = 3_600
    metar_s: float = 60
    forecasts_s: float = 3_600
    settlements_s: float = 1_800
    retry_s: float = 60
    books: bool = True
    patience: Patience | None = None
