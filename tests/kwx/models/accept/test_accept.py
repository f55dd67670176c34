"""Acceptance: six reports and a page, true to what is stored; whatever is wrong with a model fails a named check."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from kwx.models.accept.bins import binned
from kwx.models.accept.curves import calibration_analysis
from kwx.models.accept.evidence import Judged, gather
from kwx.models.accept.exclusion import exclusion_audit, gated_features
from kwx.models.accept.infrastructure import infrastructure_verification
from kwx.models.accept.parts import Grid, Report, Text
from kwx.models.accept.run import accept
from kwx.models.accept.settings import configuration_validation
from kwx.models.accept.validation import validation_summary
from kwx.models.accept.written import markdown, page
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.shelf import shelf
from kwx.models.registry.store import read_predictions, store
from kwx.models.windows import Window
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import OBS, Partition

tiny = sys.modules["tiny_family"]
REPORTS = (
    "01_model_validation_summary", "02_nyc_exclusion_audit", "03_calibration_analysis", "04_configuration_validation",
    "05_infrastructure_verification", "06_summary",
)  # fmt: skip


def clock():
    return tiny.NOW


def kept(root, artifact):
    """Store an artifact."""
    return store(artifact, root, clock=clock)


def failed(done):
    """Return the names of the checks that failed."""
    return [check.name for check in done.failures]


def first_grid(report):
    """Return the first table of a report."""
    return next(part for part in report.parts if isinstance(part, Grid))


class Tags(HTMLParser):
    """Counts tags, and finds what an address would load."""

    def __init__(self):
        super().__init__()
        self.opened, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        """Remember a tag, and what it would load."""
        self.opened.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href", "xlink:href"}]


def test_six_reports_and_a_page_that_stands_alone(shelf_root, tmp_path):
    """Markdown with its drawings beside it; the page has them inline, and neither script nor address."""
    done = accept(tmp_path / "out", root=shelf_root, clock=clock)

    names = {path.name for path in done.files}
    assert {f"{name}.md" for name in REPORTS} | {"acceptance.html"} < names
    assert list(REPORTS) == [report.file_name for report in done.reports]
    for path in done.files:
        drawn = re.findall(r"!\[.*?\]\((.*?)\)", path.read_text()) if path.suffix == ".md" else []
        assert set(drawn) <= names
    tags = Tags()
    tags.feed((tmp_path / "out/acceptance.html").read_text())
    assert 3 == tags.opened.count("svg")
    assert 3 == len([path for path in done.files if path.suffix == ".svg"])
    assert 0 == tags.opened.count("script") == tags.opened.count("link")
    assert [] == [address for address in tags.loads if not address.startswith("#")]
    assert 6 == tags.opened.count("h2")


def test_the_page_is_drawn_in_a_browser(shelf_root, tmp_path, looked_at):
    """Its drawings have marks, and it is no wider than a telephone."""
    accept(tmp_path / "out", root=shelf_root, clock=clock)

    wide, _ = looked_at(tmp_path / "out/acceptance.html")

    assert 3 == len(wide.charts)


def test_good_pilots_are_accepted_and_the_same_again(shelf_root, tmp_path):
    """No check fails; a second run writes the same bytes."""
    one = accept(tmp_path / "a", root=shelf_root, clock=clock)
    two = accept(tmp_path / "b", root=shelf_root, clock=clock)

    assert [] == failed(one)
    assert one.passed
    assert "Accepted: no check failed. 6 windows in pilots" in (tmp_path / "a/06_summary.md").read_text()
    texts = [[path.read_text() for path in done.files if path.suffix != ".svg"] for done in (one, two)]
    free = re.compile(r"\d+ GB free")
    assert [free.sub("", text) for text in texts[0]] == [free.sub("", text) for text in texts[1]]


def test_scores_are_made_anew_from_predictions_and_agree_with_another_library(shelf_root):
    """Log loss and Brier score of the calibrated probabilities, as scikit-learn has them."""
    evidence = gather(shelf_root, "pilots", Choice(cities=("chicago",)))

    (group,) = evidence.groups
    for window in group.windows:
        place = shelf_root / "pilots/chicago/between/tiny" / window.card.window.name
        rows = read_predictions(place)
        p, hit = rows["p_calibrated"].to_numpy(), rows["outcome"].to_numpy()
        assert log_loss(hit, p) == pytest.approx(window.log_loss, abs=1e-9)
        assert brier_score_loss(hit, p) == pytest.approx(window.brier, abs=1e-12)
        assert 0 < window.ece < 0.2


def test_the_validation_summary_has_means_over_windows(shelf_root):
    """Windows, rows, mean ± deviation, the market, coefficients and penalty."""
    grid = first_grid(validation_summary(gather(shelf_root, "pilots", Choice())))

    losses = [one.log_loss for one in gather(shelf_root, "pilots", Choice(cities=("chicago",))).groups[0].windows]
    row = dict(zip(grid.headers, grid.rows[0], strict=True))
    assert ("chicago/between/tiny", 3, 48 * 21) == (row["models"], row["windows"], row["test rows"])
    assert f"{np.mean(losses):.4f} ± {np.std(losses, ddof=1):.4f}" == row["log loss"]
    assert row["model loss"] < row["market loss"]
    assert ("2.0 ± 0.0", "elasticnet") == (row["non-zero coefficients"], row["penalty"])


def test_rows_that_have_not_settled_are_not_judged(shelf_root):
    """A window of which nothing has settled fails only where all are such."""
    artifact, last = tiny.fit_window("chicago", "between", tiny.WINDOWS[2]), tiny.WINDOWS[2].name
    unsettled = artifact.predictions.with_columns(outcome=pl.lit(None, pl.Boolean))
    kept(shelf_root, replace(artifact, predictions=unsettled))

    evidence = gather(shelf_root, "pilots", Choice(cities=("chicago",)))
    only = gather(shelf_root, "pilots", Choice(cities=("chicago",), windows=(last,)))

    report = validation_summary(evidence)
    assert report.passed
    assert f"nothing has settled of {last}" == report.checks[0].told
    assert 48 * 14 == first_grid(report).rows[0][2]
    assert tiny.WINDOWS[1].name == first_grid(calibration_analysis(evidence)).rows[0][1]
    assert "chicago/between/tiny was tested" in [c.name for c in validation_summary(only).checks if c.passed is False]
    assert () == calibration_analysis(only).checks


def test_a_model_that_lost_to_the_market_or_says_nothing_is_not_accepted(shelf_root, tmp_path):
    """Each by its own check."""
    for window in tiny.WINDOWS:
        artifact = tiny.fit_window("chicago", "between", window)
        kept(shelf_root, replace(artifact, metrics={**artifact.metrics, "log_loss": 9.0}))
    kept(shelf_root, tiny.constant(tiny.fit_window("nyc", "between", tiny.WINDOWS[0])))

    done = accept(tmp_path / "out", root=shelf_root, clock=clock)

    assert {
        "chicago/between/tiny is no worse than the market", "nyc/between/tiny says something", "every model is whole",
    } == set(failed(done))  # fmt: skip
    assert "NOT accepted: 3 checks failed" in (tmp_path / "out/06_summary.md").read_text()


def test_an_overconfident_last_window_is_outside_its_band(shelf_root):
    """Probabilities drawn to the ends come true less often than they say."""
    artifact = tiny.fit_window("chicago", "between", tiny.WINDOWS[2])
    sure = artifact.predictions.with_columns(
        p_calibrated=pl.when(pl.col("p_calibrated") > 0.3).then(0.97).otherwise(0.01)
    )
    kept(shelf_root, replace(artifact, predictions=sure))

    report = calibration_analysis(gather(shelf_root, "pilots", Choice(cities=("chicago",))))

    assert not report.passed
    ours = first_grid(report)
    told = dict(zip(ours.headers, ours.rows[0], strict=True))
    assert told["maximum error"] > told["ECE"] > 0.1
    assert (2, 1) == (told["bins"], told["outside the band"])
    (check,) = report.checks
    assert check.told.startswith("1 of 2 bins outside the 99% band: 0.970 came true 0.")
    assert f"ECE {told['ECE']:.4f}, maximum error {told['maximum error']:.4f}, over 336 rows of 7 dates" in check.told
    bins = [part for part in report.parts if isinstance(part, Grid)][1]
    assert ["0.010", "0.970"] == [row[0] for row in bins.rows]
    assert ["inside", "OUTSIDE"] == [row[-1] for row in bins.rows]
    assert '<td class="alarm">OUTSIDE</td>' in page([report, report])
    rows = read_predictions(shelf_root / "pilots/chicago/between/tiny" / tiny.WINDOWS[2].name)
    came = rows.group_by("p_calibrated").agg(pl.len(), pl.col("outcome").mean()).sort("p_calibrated")
    assert came["len"].to_list() == [row[1] for row in bins.rows]
    assert came["outcome"].to_list() == pytest.approx([row[3] for row in bins.rows])
    assert bins.rows[1][3] < bins.rows[1][4]


def test_bins_of_a_calibrated_model_stay_inside_their_band_and_are_named_as_such(shelf_root):
    """As many rows each; every share of what came is that of the rows in it; the check names no p-value."""
    report = calibration_analysis(gather(shelf_root, "pilots", Choice(cities=("chicago",))))

    (check,) = report.checks
    assert check.passed
    assert check.told.startswith("all 15 bins inside the 99% band; ECE ")
    assert "p =" not in check.told
    bins = [part for part in report.parts if isinstance(part, Grid)][1]
    assert 48 * 7 == sum(row[1] for row in bins.rows)
    assert all(row[4] <= row[3] <= row[5] for row in bins.rows)


def rarely_outside(rng, *, spread):
    """Return whether forecasts of many dates, right or drawn apart, leave their band."""
    p = rng.uniform(0.05, 0.95, 6000)
    told = np.clip(0.5 + spread * (p - 0.5), 0.001, 0.999)
    dates = np.repeat(np.arange(200), 30).astype("datetime64[D]")
    return binned(Judged(p=told, hit=rng.random(6000) < p, dates=dates)).outside.any()


def test_the_band_holds_calibrated_forecasts_and_not_those_too_sure():
    """Of thirty right models at most two leave it, though their rows are drawn apart; of ten too sure ones all do."""
    rng = np.random.default_rng(3)

    assert sum(rarely_outside(rng, spread=1.0) for _ in range(30)) <= 2
    assert all(rarely_outside(rng, spread=1.9) for _ in range(10))


def test_a_market_and_minute_of_two_windows_counts_once_by_the_newest_that_may_serve(shelf_root):
    """Windows that overlap: the older one keeps what the newer does not speak of, and no row is judged twice."""
    first, second = tiny.WINDOWS[0], tiny.WINDOWS[1]
    newer = Window(
        train_since=first.train_since + timedelta(days=3), train_until=first.train_until + timedelta(days=3),
        test_since=first.test_since + timedelta(days=3), test_until=first.test_until + timedelta(days=3),
    )  # fmt: skip
    kept(shelf_root, tiny.fit_window("chicago", "between", newer))

    (group,) = gather(shelf_root, "pilots", Choice(cities=("chicago",))).groups
    by_name = {one.card.window.name: one for one in group.windows}

    older, middle, latest = (by_name[one.name] for one in (first, newer, second))
    assert (48 * 3, 48 * 4) == (older.rows, older.left)
    assert {first.test_since + timedelta(days=day) for day in range(3)} == set(older.judged.dates.tolist())
    assert (48 * 4, 48 * 3) == (middle.rows, middle.left)
    assert newer.test_until >= second.test_since
    assert (48 * 7, 0) == (latest.rows, latest.left)
    assert 48 * 21 == sum(one.rows for one in group.windows)
    said = read_predictions(shelf_root / "pilots/chicago/between/tiny" / first.name)
    early = said.filter(pl.col("event_date") < newer.test_since)
    assert log_loss(early["outcome"].to_numpy(), early["p_calibrated"].to_numpy()) == pytest.approx(older.log_loss)
    grid = first_grid(validation_summary(gather(shelf_root, "pilots", Choice(cities=("chicago",)))))
    row = dict(zip(grid.headers, grid.rows[0], strict=True))
    assert (4, 48 * 21, 48 * 7) == tuple(row[name] for name in ("windows", "test rows", "said again"))


def test_a_window_that_newer_ones_speak_over_was_tested_all_the_same(shelf_root):
    """Dates that a later fit tests as well: nothing of the older one counts, and that is no silence."""
    first = tiny.WINDOWS[0]
    day = timedelta(days=1)
    stale = replace(first, train_until=first.train_until - day, test_until=first.test_until - day)
    kept(shelf_root, tiny.fit_window("chicago", "between", stale))

    evidence = gather(shelf_root, "pilots", Choice(cities=("chicago",)))
    older = next(one for one in evidence.groups[0].windows if one.card.window == stale)

    assert (0, 48 * 6, None) == (older.rows, older.left, older.log_loss)
    assert "all 4 windows have rows" == validation_summary(evidence).checks[0].told


def test_a_broken_window_is_named_and_the_others_are_judged(shelf_root):
    """Altered, in the pilots or in what is promoted."""
    promote(Choice(cities=("chicago",)), shelf_root, clock=clock)
    (shelf(shelf_root, "pilots")[0].folder / "model.json").write_bytes(b"{}")
    promoted = shelf(shelf_root, "trained")[1].folder / "params.json"
    promoted.chmod(0o644)
    promoted.write_bytes(b"{}")

    evidence = gather(shelf_root, "pilots", Choice())
    report = infrastructure_verification(evidence)

    assert 5 == len(evidence.cards)
    failures = [check for check in report.checks if check.passed is False]
    assert ["every model is whole", "what is promoted can be loaded"] == [check.name for check in failures]
    told = " ".join(check.told for check in failures)
    assert "model.json was altered" in told
    assert "params.json was altered" in told


def test_other_code_and_other_libraries_are_told_and_judge_nothing(shelf_root, monkeypatch):
    """A model of last month may still be right."""
    from kwx.models.accept import infrastructure

    monkeypatch.setattr(infrastructure, "code_sha256", lambda: "0" * 64)
    monkeypatch.setattr(infrastructure, "library_versions", lambda: {"python": "2.7"})

    report = infrastructure_verification(gather(shelf_root, "pilots", Choice()))

    assert report.passed
    notes = {check.name: check.told for check in report.checks if check.passed is None}
    assert "6 of 6 were made by other code" == notes["made by this code"]
    assert "(here 2.7)" in notes["made with these libraries"]


def test_a_model_of_new_york_that_reads_the_gate_fails_and_one_of_chicago_does_not(shelf_root):
    """Each feature that reads dew, humidity or wind, whatever it is called."""
    gated = gated_features()
    assert {"wx_dew", "wx_humidity", "wx_wind"} <= set(gated)
    for city in ("nyc", "chicago"):
        fitted = tiny.TinyFitted(weights=(1.0, 1.0, 0.0), features=("mid_logit", gated[0]))
        kept(shelf_root, replace(tiny.fit_window(city, "between", tiny.WINDOWS[0]), fitted=fitted))

    report = exclusion_audit(gather(shelf_root, "pilots", Choice()), None)

    (check,) = [check for check in report.checks if check.passed is False]
    assert f"tiny_nyc_between_{tiny.WINDOWS[0].name} reads {gated[0]}" == check.told
    of_chicago = exclusion_audit(gather(shelf_root, "pilots", Choice(cities=("chicago",))), None)
    assert of_chicago.passed


def test_the_gate_is_looked_at_in_the_lake(shelf_root, demo_lake):
    """New York's columns are told as excluded there, Chicago's as used."""
    report = exclusion_audit(gather(shelf_root, "pilots", Choice()), Lake(demo_lake).snapshot())

    lines = {
        (row[0], row[1]): row[2] for part in report.parts if isinstance(part, Grid) for row in part.rows if len(row) > 3
    }
    gated = [name for name in gated_features() if ("nyc", name) in lines]
    assert len(gated) >= 3
    assert {"excluded"} == {lines["nyc", name] for name in gated}
    assert {"used"} == {lines["chicago", name] for name in gated}
    assert report.passed
    assert any(check.passed is True and "the gate holds in the lake" in check.name for check in report.checks)


def test_a_lake_that_proves_nothing_does_not_pass(shelf_root, demo_lake):
    """One without the dates of the models fails."""
    early = Window(
        train_since=date(2026, 1, 1),
        train_until=date(2026, 1, 20),
        test_since=date(2026, 1, 22),
        test_until=date(2026, 1, 28),
    )
    kept(shelf_root, tiny.fit_window("chicago", "less", early))
    snapshot = Lake(demo_lake).snapshot()

    report = exclusion_audit(gather(shelf_root, "pilots", Choice(brackets=("less",))), snapshot)

    assert not report.passed
    assert "no minute of trading" in next(check.told for check in report.checks if check.passed is False)


def test_a_refused_configuration_fails_by_its_own_words(tmp_path):
    """File, line, key, and what it may be."""
    (tmp_path / "own.yaml").write_text("defaults:\n  trials: 0\n")
    (tmp_path / "open.yaml").write_text("defaults:\n  excluded_vc_cities: []\n")

    refused, opened = (configuration_validation(tmp_path / name) for name in ("own.yaml", "open.yaml"))
    shipped = configuration_validation(None)

    assert not refused.passed
    assert "own.yaml:2: defaults.trials is 0" in refused.checks[0].told
    assert "nyc is excluded by the registry of cities" in opened.checks[0].told
    assert shipped.passed
    assert 21 == len(next(part for part in shipped.parts if isinstance(part, Grid)).rows)


def test_what_a_report_says_cannot_break_its_form():
    """A pipe does not end a cell, a tag is text."""
    odd = Report(
        number=1, title="Odd", parts=(Text(words="<b>x</b>"), Grid(headers=("a",), rows=(("x|y\n<i>",), (None,))))
    )

    assert r"| x\|y <i> |" in markdown(odd)
    tags = Tags()
    tags.feed(page([odd]))
    assert {"b", "i"}.isdisjoint(tags.opened)
    assert '<td class="n">·</td>' in page([odd])


def test_nothing_to_accept_is_refused(tmp_path):
    """With what to type."""
    with pytest.raises(Refused, match="no model of everything"):
        accept(tmp_path / "out", root=tmp_path, clock=clock)
    assert not (tmp_path / "out").exists()


def test_the_lake_of_the_demo_has_what_the_gate_is_tried_with(demo_lake):
    """Else a gate that holds would prove nothing: the excluded vendor did tell dew points of New York."""
    rows = Lake(demo_lake).snapshot().read(OBS, Partition("nyc", date(2026, 11, 1))).filter(pl.col("source") == "vc")

    assert rows.height > 100
