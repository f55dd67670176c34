"""A list to which things are added and that can be forgotten from the front, while every place keeps its number."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Log(Generic[Item]):
    """Things in the order in which they happened."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._forgotten = 0

    def __len__(self) -> int:
        return self._forgotten + len(self._items)

    @property
    def start(self) -> int:
        """The number of the first thing that is still held."""
        return self._forgotten

    def __getitem__(self, place: int) -> Item:
        return self._items[place - self._forgotten]

    def since(self, place: int) -> list[Item]:
        """Return everything from a place on that is still held."""
        return self._items[max(0, place - self._forgotten) :]

    def append(self, item: Item) -> None:
        """Add one."""
        self._items.append(item)

    def forget(self) -> None:
        """Let go of all that is held; numbers go on."""
        self._forgotten += len(self._items)
        self._items = []
