"""A minute is decided once: when its prices are in, or when its grace is over, and never on what is long past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kwx.live.due import MINUTE, Due, due_minutes, floor_minute

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


def _due(
    now_s: float, *, decided_m: int, priced_m: dict[str, float], settle_s: float = 2, grace_s: float = 30
) -> list[Due]:
    priced = {city: NOON + minutes * MINUTE for city, minutes in priced_m.items()}
    return due_minutes(
        NOON + timedelta(seconds=now_s), decided_utc=NOON + decided_m * MINUTE, priced_until=priced,
        settle_s=2, grace_s=30,
    )  # fmt: skip


def test_a_minute_is_due_once_the_prices_of_every_city_are_in() -> None:
    assert _due(63, decided_m=0, priced_m={"miami": 1, "nyc": 0}) == []
    assert _due(63, decided_m=0, priced_m={"miami": 1, "nyc": 1}) == [Due(minute_utc=NOON + MINUTE, speak=True)]
    assert _due(64, decided_m=1, priced_m={"miami": 1, "nyc": 1}) == []


def test_what_is_not_in_when_grace_is_over_is_told_late() -> None:
    assert _due(91, decided_m=0, priced_m={"miami": 1, "nyc": 0}) == [
        Due(minute_utc=NOON + MINUTE, speak=True, late=("nyc",))
    ]


def test_minutes_follow_each_other_and_only_the_last_of_several_speaks() -> None:
    told = _due(10 * 60 + 5, decided_m=0, priced_m={"miami": 10})
    assert [due.minute_utc for due in told] == [NOON + minutes * MINUTE for minutes in range(1, 11)]
    assert [due.speak for due in told] == [False] * 9 + [True]


def test_prices_of_the_future_make_no_minute_due() -> None:
    assert _due(30, decided_m=0, priced_m={"miami": 5}) == []


@given(st.lists(st.tuples(st.floats(0.5, 200), st.floats(0, 300)), max_size=60))
def test_no_minute_is_decided_twice_and_none_before_its_end(steps: list[tuple[float, float]]) -> None:
    now, decided = NOON, NOON
    for waited_s, behind_s in steps:
        now += timedelta(seconds=waited_s)
        priced = {"miami": now - timedelta(seconds=behind_s), "nyc": now}
        for due in due_minutes(now, decided_utc=decided, priced_until=priced, settle_s=2, grace_s=30):
            assert due.minute_utc == decided + MINUTE
            assert due.minute_utc <= floor_minute(now - timedelta(seconds=2))
            assert not due.speak or now - due.minute_utc < MINUTE + timedelta(seconds=30)
            decided = due.minute_utc
        assert now - decided < MINUTE + timedelta(seconds=30), "no minute waits longer than its grace"
