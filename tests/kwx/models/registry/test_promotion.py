"""Promotion: all of a choice or none, in one step, and back; nothing broken, empty or beaten gets through."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from kwx.models.registry import promotion
from kwx.models.registry.judged import against_market, shares_once
from kwx.models.registry.promotion import Choice, demote, promote, rollback
from kwx.models.registry.shelf import shelf, the_one
from kwx.models.registry.states import history
from kwx.models.registry.store import load, store
from warehouse.errors import FileBroken, LakeBusy, Refused, Usage
from warehouse.lake.lock import writer_lock

tiny = sys.modules["tiny_family"]


def clock():
    return tiny.NOW


def trained(root):
    """Return the names of what is trained."""
    return [one.name for one in shelf(root, "trained")]


def tree(root):
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def beaten(artifact):
    """Return the same, having lost to the market."""
    return replace(artifact, metrics={**artifact.metrics, "log_loss": artifact.metrics["market_log_loss"] + 0.01})


def test_promoted_windows_are_the_pilots_byte_for_byte(shelf_root):
    """All six of them; the pilots stay where they are."""
    done = promote(Choice(), shelf_root, clock=clock)

    assert (1, None, "promote", 6, True) == (done.number, done.before, done.action, done.windows, done.current)
    assert [one.name for one in shelf(shelf_root, "pilots")] == trained(shelf_root)
    for pilot, kept in zip(shelf(shelf_root, "pilots"), shelf(shelf_root, "trained"), strict=True):
        assert tree(pilot.folder) == tree(kept.folder)


def test_a_choice_is_added_beside_what_is_trained(shelf_root):
    """One city, then the other: the first stays, to the byte."""
    promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/chicago")

    promote(Choice(cities=("nyc",), windows=(tiny.WINDOWS[0].name,)), shelf_root, clock=clock)

    assert before == tree(shelf_root / "trained/chicago")
    assert 4 == len(trained(shelf_root))


def test_a_window_that_was_fitted_again_replaces_the_promoted_one(shelf_root):
    """And the earlier state still holds the earlier fit."""
    promote(Choice(), shelf_root, clock=clock)
    again = store(tiny.fit_window("chicago", "between", tiny.WINDOWS[0], seed=7), shelf_root, clock=clock)
    promote(Choice(cities=("chicago",)), shelf_root, clock=clock)

    place = f"chicago/between/tiny/{tiny.WINDOWS[0].name}"
    assert again == load(shelf_root / "trained" / place).card
    assert 42 == load(shelf_root / "archive/000001" / place).card.seed


def test_a_rollback_restores_the_state_before_to_the_byte_and_can_be_undone(shelf_root):
    """It moves a link; every state is kept."""
    promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    first = tree(shelf_root / "trained/")
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    second = tree(shelf_root / "trained/")

    back = rollback(shelf_root)
    assert (1, first) == (back.number, tree(shelf_root / "trained/"))
    forth = rollback(shelf_root, to=2)
    assert (2, second) == (forth.number, tree(shelf_root / "trained/"))
    assert [False, True] == [one.current for one in history(shelf_root)]


def test_a_promotion_after_a_rollback_takes_a_new_number(shelf_root):
    """No state is ever written over."""
    promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    rollback(shelf_root)

    done = promote(Choice(windows=(tiny.WINDOWS[2].name,), cities=("nyc",)), shelf_root, clock=clock)

    assert (3, 1) == (done.number, done.before)
    assert 4 == len(trained(shelf_root))


def test_what_is_demoted_serves_no_more_and_comes_back_by_a_rollback(shelf_root):
    """The state without it is a state like any other."""
    promote(Choice(), shelf_root, clock=clock)

    done = demote(Choice(cities=("nyc",)), shelf_root, reason="the gate leaks", clock=clock)

    assert ("demote", "the gate leaks", 3) == (done.action, done.reason, done.windows)
    assert all("chicago" in name for name in trained(shelf_root))
    rollback(shelf_root)
    assert 6 == len(trained(shelf_root))


@pytest.mark.parametrize("harm", ["altered", "degenerate", "foreign"])
def test_one_bad_window_holds_back_all_of_the_choice(shelf_root, harm):
    """All or none; a reason does not help."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    before = tree(shelf_root / "archive")
    bad = the_one(shelf_root, "pilots", f"tiny_chicago_between_{tiny.WINDOWS[2].name}").folder
    if harm == "degenerate":
        store(tiny.constant(tiny.fit_window("chicago", "between", tiny.WINDOWS[2])), shelf_root, clock=clock)
    else:
        (bad / ("model.json" if harm == "altered" else "extra.bin")).write_bytes(b"{}")

    with pytest.raises((FileBroken, Refused), match=harm):
        promote(Choice(cities=("chicago",)), shelf_root, reason="I insist", clock=clock)

    assert before == tree(shelf_root / "archive")
    assert "archive/000001" == os.readlink(shelf_root / "trained")


def test_a_kind_that_lost_to_the_market_needs_a_reason_which_is_kept(shelf_root):
    """It counts over all windows of the choice, by their rows."""
    for window in tiny.WINDOWS:
        store(beaten(tiny.fit_window("chicago", "between", window)), shelf_root, clock=clock)

    with pytest.raises(Refused, match="not better than the market: chicago/between/tiny: log loss") as refused:
        promote(Choice(), shelf_root, clock=clock)
    assert "--reason" in refused.value.hint
    for blank in ("", " ", "\t\n"):
        with pytest.raises(Refused, match="not better than the market"):
            promote(Choice(), shelf_root, reason=blank, clock=clock)
    assert [] == history(shelf_root)

    done = promote(Choice(), shelf_root, reason=" to trade both sides ", clock=clock)
    assert "to trade both sides" == history(shelf_root)[0].reason == done.reason
    assert 1 == len(done.objections)


def test_a_model_that_too_few_dates_could_judge_needs_a_reason(shelf_root):
    """The list says so, and the objection is kept with the state; one that is judged needs none."""
    note = "not judged: 3 later dates, 5 are needed"
    store(tiny.fit_window("chicago", "between", tiny.WINDOWS[0], notes=("made up", note)), shelf_root, clock=clock)
    name = f"tiny_chicago_between_{tiny.WINDOWS[0].name}"

    assert note == the_one(shelf_root, "pilots", name).state
    with pytest.raises(Refused, match=f"{name} was {note}$") as refused:
        promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    assert "--reason" in refused.value.hint
    assert [] == history(shelf_root)

    done = promote(Choice(cities=("chicago",)), shelf_root, reason="a demo", clock=clock)
    assert (f"{name} was {note}",) == done.objections
    assert () == promote(Choice(cities=("nyc",)), shelf_root, clock=clock).objections


def test_one_bad_week_among_good_ones_is_no_objection(shelf_root):
    """A week is noise; the mean over the windows is what is judged."""
    store(beaten(tiny.fit_window("chicago", "between", tiny.WINDOWS[0])), shelf_root, clock=clock)

    assert 6 == promote(Choice(), shelf_root, clock=clock).windows


def test_a_market_that_is_not_known_is_an_objection(shelf_root):
    """Silence is no proof."""
    card = store(
        tiny.fit_window("chicago", "between", tiny.WINDOWS[0], metrics={"log_loss": 0.1, "rows": 9}),
        shelf_root,
        clock=clock,
    )

    assert "the market's log loss on the same rows is not known" == against_market([card]).objection
    with pytest.raises(Refused, match="is not known"):
        promote(Choice(), shelf_root, clock=clock)


def test_rows_that_the_market_spoke_of_may_be_judged_apart(shelf_root):
    """Then these count, not all rows; and a window of which nothing has settled says nothing."""
    apart = {"n": 9, "log_loss": 0.9, "with_market": {"n": 5, "log_loss": 0.4, "market_log_loss": 0.5}}
    cards = [
        store(tiny.fit_window("chicago", "between", window, metrics=said), shelf_root, clock=clock)
        for window, said in zip(tiny.WINDOWS, (apart, {"rows": 0, "log_loss": None}), strict=False)
    ]

    found = against_market(cards)

    assert (0.4, 0.5, 5, None) == (found.model, found.market, found.rows, found.objection)
    assert "its log loss is not known" == against_market(cards[1:]).objection


def test_losses_are_weighed_by_rows_and_may_be_estimates(shelf_root):
    """A number, or a value with its interval."""
    metrics = [
        {"log_loss": 0.4, "market_log_loss": 0.5, "rows": 300},
        {"log_loss": {"value": 0.8}, "market_log_loss": {"value": 0.6}, "rows": 100},
    ]
    cards = [
        store(tiny.fit_window("chicago", "between", window, metrics=said), shelf_root, clock=clock)
        for window, said in zip(tiny.WINDOWS, metrics, strict=False)
    ]

    found = against_market(cards)

    assert (pytest.approx(0.5), pytest.approx(0.525), 400, None) == (
        found.model,
        found.market,
        found.rows,
        found.objection,
    )


def test_a_date_that_several_windows_tested_counts_once_by_the_newest(shelf_root):
    """Three of the older window's seven dates are left; what is tested over wholly does not count at all."""
    first = tiny.WINDOWS[0]
    four, one = timedelta(days=3), timedelta(days=1)
    newer = replace(first, train_until=first.train_until + four, test_since=first.test_since + four,
                    test_until=first.test_until + four)  # fmt: skip
    covered = replace(first, train_until=first.train_until - one, test_until=first.test_until - one)
    losses = {first: (0.9, 0.5), newer: (0.3, 0.4), covered: (9.0, None)}
    cards = [
        store(
            tiny.fit_window(
                "chicago", "between", window,
                metrics={"log_loss": ours, "rows": 700} | ({} if market is None else {"market_log_loss": market}),
            ),
            shelf_root, clock=clock,
        )
        for window, (ours, market) in losses.items()
    ]  # fmt: skip

    found = against_market(cards)

    assert [3 / 7, 1.0, 0.0] == shares_once(cards)
    assert (pytest.approx((300 * 0.9 + 700 * 0.3) / 1000), pytest.approx((300 * 0.5 + 700 * 0.4) / 1000), 1000) == (
        found.model, found.market, found.rows
    )  # fmt: skip
    assert against_market(cards[::-1]) == found


@pytest.mark.parametrize("step", ["link_or_copy", "write_new", "sync_tree", "switch_link"])
def test_a_promotion_that_dies_changes_nothing_and_the_next_one_succeeds(shelf_root, monkeypatch, step):
    """Wherever it is killed, what is trained stays what it was."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/")

    def die(*_):
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(promotion, step, die)
        with pytest.raises(OSError, match="killed"):
            promote(Choice(cities=("chicago",)), shelf_root, clock=clock)

    assert before == tree(shelf_root / "trained/")
    assert 6 == promote(Choice(cities=("chicago",)), shelf_root, clock=clock).windows
    assert 6 == len(trained(shelf_root))
    assert [] == list((shelf_root / "archive").glob("*.draft"))


def test_two_promotions_do_not_run_at_once(shelf_root, monkeypatch):
    """The second waits, then says who holds the lock."""
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 0.0)
    with writer_lock(shelf_root / ".lock", purpose="another"), pytest.raises(LakeBusy, match="another"):
        promote(Choice(), shelf_root, clock=clock)


def test_a_pilot_edited_later_does_not_reach_what_is_trained(shelf_root):
    """Promotion copies; it gives no second name to the pilot's files."""
    promote(Choice(), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/")
    for path in (shelf_root / "pilots").rglob("model.json"):
        path.write_bytes(b"{}")

    assert before == tree(shelf_root / "trained/")


def test_what_cannot_be_promoted_or_taken_back_is_refused_with_a_hint(shelf_root):
    """Nothing chosen, nothing promoted, no such state."""
    with pytest.raises(Refused, match="no pilot of denver"):
        promote(Choice(cities=("denver",)), shelf_root, clock=clock)
    with pytest.raises(Refused, match="nothing was ever promoted"):
        rollback(shelf_root)
    with pytest.raises(Refused, match="nothing of everything is promoted"):
        demote(Choice(), shelf_root, clock=clock)
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    with pytest.raises(Refused, match="state 1 is the first"):
        rollback(shelf_root)
    with pytest.raises(Usage, match="no state 9"):
        rollback(shelf_root, to=9)
    promote(Choice(), shelf_root, clock=clock)


def damage(folder, name="model.json"):
    """Turn one bit of a file, wherever else it has a name."""
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))


PLACE = f"nyc/between/tiny/{tiny.WINDOWS[0].name}"


@pytest.mark.parametrize("name", ["model.json", "card.json", "predictions.parquet"])
def test_a_damaged_promoted_file_is_mended_from_the_pilots(shelf_root, name):
    """The state's own number mends it, to the byte; what is damaged is refused until then."""
    promote(Choice(), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/")
    damage(shelf_root / "trained" / PLACE, name)
    with pytest.raises(FileBroken, match=f"{name} was altered"):
        load(shelf_root / "trained" / PLACE)

    done = rollback(shelf_root, to=1)

    assert (f"tiny_nyc_between_{tiny.WINDOWS[0].name} from pilots",) == done.mended
    assert before == tree(shelf_root / "trained/")
    assert 0o444 == (shelf_root / "trained" / PLACE / name).stat().st_mode & 0o777
    assert () == rollback(shelf_root, to=1).mended


def test_a_lost_window_is_mended_too_and_a_foreign_file_is_taken_out(shelf_root):
    """A folder that is gone, and one that holds more than its card names."""
    promote(Choice(), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/")
    shutil.rmtree(shelf_root / "trained" / PLACE)
    (shelf_root / "trained" / PLACE).with_name(tiny.WINDOWS[1].name).joinpath("extra.bin").write_bytes(b"x")

    assert 2 == len(rollback(shelf_root, to=1).mended)
    assert before == tree(shelf_root / "trained/")


def test_a_pilot_that_was_fitted_again_mends_nothing_but_another_state_does(shelf_root):
    """Only the very same window takes the place of one; without a copy it is refused, and nothing changes."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    promote(Choice(), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/")
    store(tiny.fit_window("nyc", "between", tiny.WINDOWS[0], seed=7), shelf_root, clock=clock)
    damage(shelf_root / "trained" / PLACE)

    assert (f"tiny_nyc_between_{tiny.WINDOWS[0].name} from state 1",) == rollback(shelf_root, to=2).mended
    assert before == tree(shelf_root / "trained/")

    damage(shelf_root / "archive/000001" / PLACE)
    damage(shelf_root / "archive/000002" / PLACE)
    harmed = tree(shelf_root / "archive")
    with pytest.raises(FileBroken, match=r"model\.json was altered after it was written; no whole copy of it is left"):
        rollback(shelf_root)
    assert harmed == tree(shelf_root / "archive")
    assert "archive/000002" == os.readlink(shelf_root / "trained")


def test_what_stays_promoted_is_checked_and_mended_when_something_else_is_promoted(shelf_root):
    """One file has a name in both states; the new one gets a whole copy, the old one is mended on the way back."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    good = tree(shelf_root / "trained/nyc")
    damage(shelf_root / "trained" / PLACE)

    done = promote(Choice(cities=("chicago",)), shelf_root, clock=clock)

    assert (f"tiny_nyc_between_{tiny.WINDOWS[0].name} from pilots",) == done.mended == history(shelf_root)[1].mended
    assert good == tree(shelf_root / "trained/nyc")
    assert 1 == len(rollback(shelf_root).mended)
    assert good == tree(shelf_root / "trained/nyc")


def test_a_damaged_window_that_has_no_copy_holds_promotions_back_until_it_is_demoted(shelf_root):
    """Its own demotion needs no card; promoting it anew would do as well."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    store(tiny.fit_window("nyc", "between", tiny.WINDOWS[0], seed=7), shelf_root, clock=clock)
    damage(shelf_root / "trained" / PLACE, "card.json")

    with pytest.raises(FileBroken, match="no whole copy") as refused:
        promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    assert "kwx models demote" in refused.value.hint

    demote(Choice(cities=("nyc",), windows=(tiny.WINDOWS[0].name,)), shelf_root, clock=clock)
    assert 5 == promote(Choice(cities=("chicago",)), shelf_root, clock=clock).windows


def test_a_state_of_before_cards_were_recorded_is_mended_by_the_card_that_it_holds(shelf_root):
    """A record without hashes says less, and is read."""
    promote(Choice(cities=("nyc",)), shelf_root, clock=clock)
    before = tree(shelf_root / "trained/nyc")
    record = shelf_root / "archive/000001/promotion.json"
    said = json.loads(record.read_bytes())
    del said["cards"], said["mended"]
    record.write_text(json.dumps(said))
    damage(shelf_root / "trained" / PLACE)

    assert 1 == len(rollback(shelf_root, to=1).mended)
    assert before == tree(shelf_root / "trained/nyc")


def test_the_shelf_tells_what_is_not_whole_and_the_nearest_name(shelf_root):
    """A broken window is a line with its reason, not an end of the list."""
    broken = shelf(shelf_root, "pilots")[1]
    (broken.folder / "params.json").unlink()

    held = shelf(shelf_root, "pilots")

    assert [True, False, True, True, True, True] == [one.card is not None for one in held]
    assert "params.json is missing" in held[1].problem
    assert (broken.name, broken.group) == (held[1].name, held[1].group)
    with pytest.raises(Refused, match="no model tiny_chicago") as refused:
        the_one(shelf_root, "pilots", held[0].name[:-1])
    assert held[0].name in refused.value.hint
