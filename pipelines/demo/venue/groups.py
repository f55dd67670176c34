"""Order groups: once more than a limit was matched within fifteen seconds, nothing of the group trades any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.demo.session import SECOND_US
from pipelines.demo.venue.names import Names
from pipelines.demo.venue.notices import Notices
from pipelines.demo.venue.refusals import TurnedDown, not_found
from pipelines.demo.venue.timers import Now
from pipelines.demo.venue.words import GroupEvent
from warehouse.market.money import CENTI_PER_CONTRACT

WINDOW_US = 15 * SECOND_US
MOST_CONTRACTS = 1_000_000


@dataclass(kw_only=True, eq=False)
class Group:
    """One group, with what was matched of late."""

    group_id: str
    limit_centi: int
    is_triggered: bool = False
    _matched: deque[tuple[int, int]] = field(default_factory=deque)

    def match(self, centi: int, at_us: int) -> None:
        """Count what was matched."""
        self._matched.append((at_us, centi))

    def is_exceeded(self, at_us: int) -> bool:
        """Tell whether more than the limit was matched within the window that ends at an instant."""
        while self._matched and self._matched[0][0] <= at_us - WINDOW_US:
            self._matched.popleft()
        return sum(centi for _, centi in self._matched) > self.limit_centi

    def reset(self) -> None:
        """Forget what was matched, and let orders in again."""
        self._matched.clear()
        self.is_triggered = False


class Groups:
    """The groups of an account; `cancel_orders_of` ends what is open of one."""

    def __init__(self, *, now: Now, names: Names, notices: Notices, cancel_orders_of: Callable[[str], None]) -> None:
        self.by_id: dict[str, Group] = {}
        self._now, self._names, self._notices, self._cancel_orders_of = now, names, notices, cancel_orders_of

    def create(self, limit_centi: int) -> Group:
        """Begin a group."""
        _require_limit(limit_centi)
        group = Group(group_id=self._names.next("group"), limit_centi=limit_centi)
        self.by_id[group.group_id] = group
        self._tell(group, GroupEvent.CREATED)
        return group

    def named(self, group_id: str) -> Group:
        """Return a group."""
        if group_id not in self.by_id:
            raise not_found("order group")
        return self.by_id[group_id]

    def limit(self, group_id: str, limit_centi: int) -> None:
        """Set a new limit, which may be exceeded already."""
        group = self.named(group_id)
        _require_limit(limit_centi)
        group.limit_centi = limit_centi
        self._tell(group, GroupEvent.LIMIT_UPDATED)
        self._trigger_if_exceeded(group)

    def trigger(self, group_id: str) -> None:
        """Cancel the group's orders and let none in until it is reset."""
        self._trigger(self.named(group_id))

    def reset(self, group_id: str) -> None:
        """Let orders in again."""
        group = self.named(group_id)
        group.reset()
        self._tell(group, GroupEvent.RESET)

    def delete(self, group_id: str) -> None:
        """End a group with its orders."""
        group = self.named(group_id)
        del self.by_id[group_id]
        self._cancel_orders_of(group_id)
        self._tell(group, GroupEvent.DELETED)

    def match(self, group_id: str | None, centi: int) -> None:
        """Count what was matched of an order of a group."""
        group = self.by_id.get(group_id or "")
        if group is not None:
            group.match(centi, self._now.us)
            self._trigger_if_exceeded(group)

    def require_open(self, group_id: str | None) -> None:
        """Refuse an order of a group that was triggered."""
        if group_id is not None and self.named(group_id).is_triggered:
            raise TurnedDown("order_group_triggered", "the order group was triggered; reset it first")

    def _trigger_if_exceeded(self, group: Group) -> None:
        if group.is_exceeded(self._now.us):
            self._trigger(group)

    def _trigger(self, group: Group) -> None:
        if group.is_triggered:
            return
        group.is_triggered = True
        self._cancel_orders_of(group.group_id)
        self._tell(group, GroupEvent.TRIGGERED)

    def _tell(self, group: Group, event: GroupEvent) -> None:
        self._notices.of_group(group.group_id, event, group.limit_centi)


def _require_limit(centi: int) -> None:
    if not CENTI_PER_CONTRACT <= centi <= MOST_CONTRACTS * CENTI_PER_CONTRACT:
        raise TurnedDown("invalid_parameters", f"contracts_limit must be between 1 and {MOST_CONTRACTS}")
