"""`kwx demo`: the demo world as its vendors would tell it, on this machine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kwx.cli.options import EventDate, city_option

if TYPE_CHECKING:
    from pipelines.demo.wire import Served
    from pipelines.demo.world import World


@click.group(epilog="Example:  kwx demo serve --days 3 --port 8700")
def demo() -> None:
    """Serve the demo world."""


class Fault(click.ParamType[tuple[str, Any]]):
    """One kind of failure and how often it befalls an answer: http_429=0.05."""

    name = "NAME=RATE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Parse a name and a rate."""
        from dataclasses import fields

        from pipelines.demo.wire import Faults

        name, _, rate = str(value).partition("=")
        known = [field.name for field in fields(Faults)]
        if name not in known:
            self.fail(f"{name!r} is no fault; known: {' '.join(known)}", param, ctx)
        try:
            return name, float(rate)
        except ValueError:
            self.fail(f"{value!r}: write it as {name}=0.05", param, ctx)


@demo.command(epilog="Example:  kwx demo serve --days 3 --port 8700 --fault http_429=0.05 --fault ws_drop=0.01")
@click.option("--port", type=click.IntRange(0, 65_535), default=8700, show_default=True, help="HTTP; 0 is any.")
@click.option(
    "--ws-port", type=click.IntRange(0, 65_535), default=8701, show_default=True, help="The stream; 0 is any."
)
@click.option("--days", type=click.IntRange(1, 3_660), help="Number of event days (default 14).")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the world, as in kwx lake build.")
@click.option("--since", type=EventDate(), help="First event date, instead of --days.")
@click.option("--until", type=EventDate(), help="Last event date.")
@click.option(
    "--efficiency", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="How much the market knows."
)
@click.option("--now", help="The instant at which the world stands: 2026-11-03T18:00Z (default: all of it is over).")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds of the world in each of ours; 0 stands still, and streams as fast as it is read.",
)
@click.option("--trading", is_flag=True, help="Take orders too: one account meets the world's makers and takers.")
@click.option(
    "--cash", type=click.IntRange(1, 10_000_000), default=1_000, show_default=True, help="Dollars that account has."
)
@click.option("--fault", "faults", type=Fault(), multiple=True, help="How often something fails; repeatable.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    default="demo-key.pem",
    show_default=True,
    help="Where to write the private key with which clients sign.",
)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so long (else at Ctrl-C).")
@city_option
def serve(
    port: int,
    ws_port: int,
    days: int | None,
    seed: int,
    since: date | None,
    until: date | None,
    efficiency: float,
    now: str | None,
    speed: float,
    trading: bool,
    cash: int,
    faults: tuple[tuple[str, Any], ...],
    key_file: Path,
    seconds: float | None,
    cities: tuple[str, ...],
) -> None:
    """Answer as the exchange and the weather vendors do, on 127.0.0.1: the same world that kwx lake build writes.

    An ingest from here gives exactly the tables of that build. Prints the addresses and the keys to set, then serves.
    With --trading the exchange takes orders from --now on; whatever is traded changes its books and its tape.
    """
    from pipelines.build import demo_world
    from pipelines.demo.wire import Faults
    from pipelines.demo.wire import serve as serving

    if key_file.exists():
        raise click.UsageError(f"{key_file} is there already: name another place with --key-file, or remove it")
    if trading and now is None:
        raise click.UsageError("--trading needs --now: in a world that is over nothing trades")
    world = demo_world(days=days, since=since, until=until, cities=cities, seed=seed, efficiency=efficiency)
    start = None if now is None else _instant(now)
    with serving(
        world,
        port=port,
        ws_port=ws_port,
        now=start,
        speed=speed,
        trading=trading,
        start_cash_micros=1_000_000 * cash,
        faults=Faults(**dict(faults)),
    ) as served:
        try:
            _tell(served, key_file, world)
            if trading:
                click.echo(f"the exchange takes orders; the account has ${cash:,}")
            _wait(seconds)
        finally:
            key_file.unlink(missing_ok=True)  # it opens this server alone


def _tell(served: Served, key_file: Path, world: World) -> None:
    """Write the key, and print the addresses and what to type in another terminal."""
    key_id = served.write_key(key_file)
    click.echo(f"serving {len(world.cities)} cities, {world.event_dates[0]} to {world.until}, until Ctrl-C")
    click.echo(f"  http    {served.url}")
    click.echo(f"  stream  {served.ws_url}")
    click.echo("in another terminal:")
    click.echo(f"  export KALSHI_API_KEY_ID={key_id} KALSHI_PRIVATE_KEY_FILE={key_file.resolve()}")
    click.echo("  export VISUAL_CROSSING_API_KEY=demo")
    span = f"--since {world.event_dates[0]} --until {world.until}"
    click.echo(f"  kwx ingest all --server {served.url} --lake served-lake {span}")


def _wait(seconds: float | None) -> None:
    """Wait for so long, or until somebody says stop; in slices, because a wait without end can miss a signal."""
    import signal
    import threading
    import time

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    until_s = time.monotonic() + (seconds if seconds is not None else float("inf"))
    while not stop.wait(0.2) and time.monotonic() < until_s:
        pass


def _instant(text: str) -> datetime:
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--now {text!r} is no instant; write it as 2026-11-03T18:00Z") from None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
