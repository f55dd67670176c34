"""Progress where nobody watches: a line now and then, none of a short run."""

from __future__ import annotations

from kwx.cli.progress import EVERY_SECONDS, plain_lines, progress_of


def test_a_line_is_written_every_so_many_seconds_at_most():
    """What came between is left out; a line says how far it is, since when, and what was done last."""
    now, lines = [0.0], []
    tell = plain_lines("training", seconds=lambda: now[0], say=lines.append)
    for done, at in enumerate((1, 9.9, EVERY_SECONDS, 12, 19.9, 21.5), start=1):
        now[0] = at
        tell(done, 6, f"fitting window {done}")

    assert [
        "training: 3 of 6 after 10 s, fitting window 3",
        "training: 6 of 6 after 22 s, fitting window 6",
    ] == lines


def test_a_short_run_says_nothing(capsys):
    """Neither to stderr nor to stdout, which is the answer's alone."""
    with progress_of("training") as tell:
        tell(1, 1, "fitting")

    assert ("", "") == capsys.readouterr()


def test_a_long_run_is_heard_on_stderr(capsys, monkeypatch):
    """A log is no terminal."""
    monkeypatch.setattr("kwx.cli.progress.EVERY_SECONDS", 0.0)
    with progress_of("studying") as tell:
        tell(1, 4, "fitting nyc")

    out, err = capsys.readouterr()
    assert "" == out
    assert "studying: 1 of 4 after 0 s, fitting nyc\n" == err
