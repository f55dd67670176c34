"""Commands to the exchange's stream: numbered, collected until they are sent, and watched until they are answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Command = dict[str, Any]


@dataclass(kw_only=True)
class _Asked:
    """A subscribe command: which channels have not answered, and for how many ticks."""

    channels: set[str]
    market_tickers: frozenset[str]
    waited: int = 0


class Commands:
    """The commands of one stream. Every subscription says `use_yes_price`: the exchange will change its default."""

    def __init__(self, *, use_yes_price: bool) -> None:
        self.pending: list[Command] = []
        self._use_yes_price = use_yes_price
        self._last_id = 0
        self._unanswered: dict[int, _Asked] = {}

    def take(self) -> list[Command]:
        """Hand over what is to be sent now."""
        commands, self.pending = self.pending, []
        return commands

    def clear(self) -> None:
        """Forget everything: the connection is another."""
        self.pending.clear()
        self._unanswered.clear()

    def subscribe(self, channels: Sequence[str], market_tickers: Iterable[str]) -> None:
        """Ask for channels; each answers with a subscription of its own."""
        tickers = frozenset(market_tickers)
        params = {
            "channels": list(channels),
            "market_tickers": sorted(tickers),
            "use_yes_price": self._use_yes_price,
        }
        self._unanswered[self._add("subscribe", params)] = _Asked(channels=set(channels), market_tickers=tickers)

    def update(self, sid: int, action: str, market_tickers: Collection[str]) -> None:
        """Change one subscription, or ask for snapshots on it; of no market nothing is asked."""
        if market_tickers:
            params = {"sids": [sid], "action": action, "market_tickers": list(market_tickers)}
            self._add("update_subscription", params)

    def awaits(self, command_id: int) -> bool:
        """Tell whether this is a subscription that is not wholly answered."""
        return command_id in self._unanswered

    def answered(self, command_id: int, channel: str) -> frozenset[str] | None:
        """Note the answer of one channel; return the markets that it was asked for."""
        asked = self._unanswered.get(command_id)
        if asked is None:
            return None
        asked.channels.discard(channel)
        if not asked.channels:
            del self._unanswered[command_id]
        return asked.market_tickers

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
