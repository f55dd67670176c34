"""One loopback server for every vendor of a demo world: HTTP on one port, the exchange's stream on another."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.demo.venue import Venue
from pipelines.demo.venue.venue import USUAL_CASH_MICROS, Window
from pipelines.demo.wire import ncei
from pipelines.demo.wire.answers import Answer, Ask, Door, as_json, as_text, stamp
from pipelines.demo.wire.exchange import exchange_of, faster_of, opened
from pipelines.demo.wire.faults import Faults, HttpFaults
from pipelines.demo.wire.hands import Hands
from pipelines.demo.wire.iem import Iem
from pipelines.demo.wire.kalshi_rest import ROOT
from pipelines.demo.wire.kalshi_socket import PATH, KalshiSocket, run_in_thread
from pipelines.demo.wire.limits import Buckets, Limits, Quota, Turnstile
from pipelines.demo.wire.loopback import Counted, Front, LoopbackServer, running
from pipelines.demo.wire.signatures import EVERYTHING, KeyKind, Keys
from pipelines.demo.wire.told import Told, after_the_world, usual_cutoff
from pipelines.demo.wire.twc import Twc
from pipelines.demo.wire.visual_crossing import TIMELINE, TOO_MANY_AT_ONCE, VisualCrossing
from pipelines.demo.world import World, described
from warehouse.clock import utc_now
from warehouse.errors import Usage


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running server: where it is, what it knows, and what it had to refuse."""

    url: str
    ws_url: str
    world: World
    told: Told
    _keys: Keys
    _buckets: Buckets
    _faults: HttpFaults
    _counted: Counted
    hands: Hands

    def advance_to(self, instant_utc: datetime) -> None:
        """Put the clock of a world that is led at a later instant; what happens until then at its venue, happens."""
        self.hands.advance_to(instant_utc)
        if self.told.venue is not None:
            self.told.venue.advance_to(instant_utc)

    @property
    def venue(self) -> Venue:
        """The venue behind the exchange, where it is served with one."""
        if self.told.venue is None:
            raise Usage("this world is served without a venue", hint="serve it with trading=True")
        return self.told.venue

    def write_key(self, path: Path, *, kind: KeyKind = "ed25519", scopes: Iterable[str] = EVERYTHING) -> str:
        """Make a key pair that the exchange knows, write its private half and return the key id."""
        return self._keys.write(path, kind=kind, scopes=scopes)

    def script(self, fault: str, times: int = 1) -> None:
        """Have a fault befall the next so many questions, commands, cancels or fills."""
        self._faults.script(fault, times)

    @property
    def too_many(self) -> int:
        """How many questions the exchange turned down because they came too fast; faults not counted."""
        return self._buckets.refused

    @property
    def asked(self) -> int:
        """How many questions came."""
        return self._counted.total

    @property
    def struck(self) -> Mapping[str, int]:
        """How often each fault befell an answer."""
        return self._faults.struck


@contextmanager
def serve(
    world: World,
    *,
    port: int = 0,
    ws_port: int = 0,
    now: datetime | None = None,
    speed: float = 0.0,
    led: bool = False,
    trading: bool = False,
    start_cash_micros: int = USUAL_CASH_MICROS,
    pauses: Sequence[Window] = (),
    cutoff: datetime | None = None,
    faults: Faults | None = None,
    limits: Limits | None = None,
    vc_keys: frozenset[str] | None = None,
    open_ws: bool = False,
    ping_seconds: float = 10.0,
) -> Iterator[Served]:
    """Serve a world on 127.0.0.1 until the block ends.

    `now` is the instant at which the world stands: by default all of it is over. At a `speed` time goes on from there,
    so many seconds in each; at 0 it stands, and the stream tells the future as fast as it is read. Where it is `led`,
    time goes on when `Served.advance_to` says so, and nothing is told before its instant. What settled before `cutoff`
    (by default the middle of the world, and never today) is history. Port 0 is the system's choice.

    With `trading` a venue takes orders from `now` on: one account with `start_cash_micros` meets the makers and takers
    of the world, who rest from it during `pauses`. Frames then come when they happen, also where the clock stands.
    """
    for wanted in (port, ws_port):
        _require_free(wanted)
    faults, limits = faults or Faults(), limits or Limits()
    start_utc = now or after_the_world(world)
    hands, struck, counted = Hands(start_utc, speed=speed, is_led=led), HttpFaults(faults), Counted()
    venue = None
    if trading:
        venue = opened(
            world, start_utc, start_cash_micros=start_cash_micros, pauses=pauses, faults=faults, struck=struck
        )
    told = Told(world=world, clock=hands, cutoff_utc=cutoff or usual_cutoff(world, start_utc), venue=venue)
    keys, buckets = _keys(hands, faults, speed=speed), _buckets(hands, limits, trading=trading)
    exchange = exchange_of(told, keys=keys, buckets=buckets, hands=hands, limits=limits, faults=faults)
    sockets = KalshiSocket(
        told=told, keys=keys, faults=faults, hands=hands, live=exchange.live, is_open=open_ws,
        ping_seconds=ping_seconds,
    )  # fmt: skip
    with sockets.server(ws_port) as stream:
        ws_url = f"ws://127.0.0.1:{stream.socket.getsockname()[1]}{PATH}"
        front = Front(
            doors={
                f"{ROOT}/": Door(answer=exchange.answer, welcome=exchange.welcome),
                **_weather_doors(told, limits, vc_keys),
                "/": Door(answer=lambda ask: _front_page(ask, told, ws_url=ws_url, speed=speed)),
            },
            faults=struck, hang_seconds=faults.hang_seconds, counted=counted, takes_orders=trading, skew=_skew(faults),
            # Who lives in a world that moves keeps its time; one that stands has none of its own.
            clock=hands if hands.moves else utc_now,
        )  # fmt: skip
        with running(LoopbackServer(("127.0.0.1", port), front)) as http:
            run_in_thread(stream)
            yield Served(
                url=f"http://127.0.0.1:{http.server_address[1]}", ws_url=ws_url, world=world, told=told, hands=hands,
                _keys=keys, _buckets=buckets, _faults=struck, _counted=counted,
            )  # fmt: skip


def _skew(faults: Faults) -> timedelta:
    return timedelta(seconds=faults.clock_skew_seconds)


def _keys(hands: Hands, faults: Faults, *, speed: float) -> Keys:
    """Return who may sign, by a clock that is as wrong as the faults say."""
    skew = _skew(faults)
    return Keys(world_clock=lambda: hands() + skew, speed=speed, clock=lambda: utc_now() + skew)


def _buckets(hands: Hands, limits: Limits, *, trading: bool) -> Buckets:
    """Return what holds back who asks too fast; who trades in a world may ask as fast as it moves."""
    return Buckets(
        tokens_per_second=limits.kalshi_tokens_per_second, burst_tokens=limits.kalshi_burst_tokens,
        monotonic=faster_of(hands) if trading else time.monotonic,
    )  # fmt: skip


def _require_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            raise Usage(f"port {port} of 127.0.0.1 is taken", hint="choose another; 0 is any free one") from error


def _weather_doors(told: Told, limits: Limits, vc_keys: frozenset[str] | None) -> Mapping[str, Door]:
    """Return who answers for the weather, by the beginning of the path."""
    vc = VisualCrossing(
        told=told, keys=vc_keys, turnstile=Turnstile(limits.vc_concurrency), quota=Quota(limits.vc_records_per_day)
    )
    iem = Iem(told=told)
    return {
        f"{TIMELINE}/": Door(answer=vc.answer, too_many=TOO_MANY_AT_ONCE),
        "/cgi-bin/": Door(answer=iem.answer),
        "/json/": Door(answer=iem.answer),
        "/kalshi/api/climate/primary": Door(answer=Twc(told=told).answer),
        "/access/services/data/v1": Door(answer=ncei.answer),
    }


def _front_page(ask: Ask, told: Told, *, ws_url: str, speed: float) -> Answer:
    if ask.path != "/":
        return as_text("not found\n", status=404)
    return as_json(_hello(told, ws_url=ws_url, speed=speed))


def _hello(told: Told, *, ws_url: str, speed: float) -> dict[str, Any]:
    """Say where the stream is and what time it is here: who records this world keeps its clock."""
    return {"ws_url": ws_url, "now_utc": stamp(told.clock()), "speed": speed, "world": _described(told.world)}


def _described(world: World) -> dict[str, Any]:
    return described(world) | {"since": str(world.event_dates[0])}
