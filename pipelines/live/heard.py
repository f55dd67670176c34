"""What a feed has heard of each of its parts, and what went wrong with it last. Safe for threads."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

logger = logging.getLogger(__name__)


class Heard:
    """When each part of a feed was heard last, and why it is silent, where it is.

    A part that fails is logged once, and once more when it is heard again.
    """

    def __init__(self, feed: str, parts: tuple[str, ...]) -> None:
        self._feed = feed
        self._lock = threading.Lock()
        self._heard_utc: dict[str, datetime | None] = dict.fromkeys(parts)
        self._failed: dict[str, str] = {}

    def heard(self, part: str, now_utc: datetime) -> None:
        """Note that a part has said what there is to say."""
        with self._lock:
            self._heard_utc[part] = now_utc
            before = self._failed.pop(part, None)
        if before is not None:
            logger.info("%s is heard again", f"{self._feed} {part}".rstrip())

    def failed(self, part: str, why: str) -> None:
        """Note why a part could not be heard."""
        with self._lock:
            self._heard_utc.setdefault(part, None)
            before, self._failed[part] = self._failed.get(part), why
        if before is None:
            logger.warning("%s: %s", f"{self._feed} {part}".rstrip(), why)

    @property
    def of_parts(self) -> dict[str, datetime | None]:
        """When each part was heard last."""
        with self._lock:
            return dict(self._heard_utc)

    @property
    def oldest_utc(self) -> datetime | None:
        """Since when all parts are heard; None while one was never heard."""
        told = self.of_parts.values()
        return min((at for at in told if at is not None), default=None) if None not in told else None

    @property
    def why_not(self) -> str | None:
        """What is wrong now, part by part; None where nothing is."""
        with self._lock:
            return "; ".join(f"{part}: {why}" if part else why for part, why in sorted(self._failed.items())) or None
