"""Commands to the exchange's stream: numbered, collected until they are sent, and watched until they are answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Command = dict[str, Any]
Action = Literal["add_markets", "delete_markets", "get_snapshot"]

UPDATES_KEPT = 1_000
"""Of so many changes it is known what they were, should the exchange refuse one."""


@dataclass(kw_only=True)
class Asked:
    """A subscribe command: which channels have not answered, and for how many ticks."""

    channels: set[str]
    market_tickers: frozenset[str]
    waited: int = 0


@dataclass(frozen=True, kw_only=True)
class Update:
    """A change of one subscription."""

    sid: int
    action: Action
    market_tickers: tuple[str, ...]


class Commands:
    """The commands of one stream. Every subscription says `use_yes_price`: the exchange will change its default."""

    def __init__(self, *, use_yes_price: bool) -> None:
        self.pending: list[Command] = []
        self._use_yes_price = use_yes_price
        self._last_id = 0
        self._unanswered: dict[int, Asked] = {}
        self._updates: dict[int, Update] = {}

    def take(self) -> list[Command]:
        """Hand over what is to be sent now."""
        commands, self.pending = self.pending, []
        return commands

    def clear(self) -> None:
        """Forget everything: the connection is another."""
        self.pending.clear()
        self._unanswered.clear()
        self._updates.clear()

    def subscribe(self, channels: Sequence[str], market_tickers: Iterable[str]) -> None:
        """Ask for channels; each answers with a subscription of its own. No market would mean all, so none is asked."""
        tickers = frozenset(market_tickers)
        if not tickers:
            return
        params = {
            "channels": list(channels),
            "market_tickers": sorted(tickers),
            "use_yes_price": self._use_yes_price,
        }
        self._unanswered[self._add("subscribe", params)] = Asked(channels=set(channels), market_tickers=tickers)

    def subscribe_all(self, channels: Sequence[str]) -> None:
        """Ask for channels of our own account, which are not cut by market."""
        if channels:
            self._unanswered[self._add("subscribe", {"channels": list(channels)})] = Asked(
                channels=set(channels), market_tickers=frozenset()
            )

    def unsubscribe(self, sid: int) -> None:
        """End one subscription."""
        self._add("unsubscribe", {"sids": [sid]})

    def update(self, sid: int, action: Action, market_tickers: Collection[str]) -> None:
        """Change one subscription, or ask for snapshots on it; of no market nothing is asked."""
        if not market_tickers:
            return
        tickers = tuple(market_tickers)
        params = {"sids": [sid], "action": action, "market_tickers": list(tickers)}
        self._updates[self._add("update_subscription", params)] = Update(sid=sid, action=action, market_tickers=tickers)
        if len(self._updates) > UPDATES_KEPT:
            del self._updates[next(iter(self._updates))]

    def awaited(self, channel: str) -> frozenset[str]:
        """Return the markets for which a channel has not answered yet."""
        return frozenset().union(
            *(asked.market_tickers for asked in self._unanswered.values() if channel in asked.channels)
        )

    @property
    def is_awaited(self) -> bool:
        """True while a subscription is not wholly answered."""
        return bool(self._unanswered)

    def channels_awaited(self, command_id: int) -> frozenset[str]:
        """Return the channels that have not answered to one command."""
        asked = self._unanswered.get(command_id)
        return frozenset(asked.channels) if asked else frozenset()

    def answered(self, command_id: int, channel: str) -> frozenset[str] | None:
        """Note the answer of one channel; return the markets that it was asked for."""
        asked = self._unanswered.get(command_id)
        if asked is None:
            return None
        asked.channels.discard(channel)
        if not asked.channels:
            del self._unanswered[command_id]
        return asked.market_tickers

    def refused(self, command_id: int) -> Asked | None:
        """Note that a subscription was refused; return what of it had no answer."""
        return self._unanswered.pop(command_id, None)

    def updated(self, command_id: int) -> Update | None:
        """Note that a change was answered; return what it was."""
        return self._updates.pop(command_id, None)

    def tick(self, patience: int) -> str:
        """Let a second pass; return the channels that were waited for too long."""
        late: set[str] = set()
        for asked in self._unanswered.values():
            asked.waited += 1
            late |= asked.channels if asked.waited > patience else set()
        return ", ".join(sorted(late))

    def _add(self, name: str, params: Mapping[str, object]) -> int:
        self._last_id += 1
        self.pending.append({"id": self._last_id, "cmd": name, "params": params})
        return self._last_id
