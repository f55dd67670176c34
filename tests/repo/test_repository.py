"""What a repository promises about itself: pins, versions, the wheel, no strangers' addresses."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins():
    """Return the pinned versions by name."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def declared():
    """Return the name of every dependency of the project and its extras."""
    extras = [requirement for group in PROJECT["optional-dependencies"].values() for requirement in group]
    return {re.split(r"[\[<>=!~ ]", requirement)[0].lower() for requirement in [*PROJECT["dependencies"], *extras]}


def test_every_declared_dependency_is_pinned():
    """A fresh machine gets the versions that were tested."""
    assert set() == declared() - pins().keys()


def test_constraints_hold_names_and_versions_only():
    """No host, no path, no option."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert [] == [line for line in lines if not re.fullmatch(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9a-z.+]+", line)]


def test_the_extras_are_those_that_the_readme_names():
    """Heavy libraries are extras, and the sentence of the README that lists them lists all."""
    said = re.search(r"Extras: ([^.]*)\.", (ROOT / "README.md").read_text())[1]

    assert (
        {"lab", "pg", "dask", "gpu", "dev"}
        == set(PROJECT["optional-dependencies"])
        == set(re.findall(r"`(.+?)`", said))
    )


def test_the_changelog_names_the_version():
    """A version without a line in the changelog is not released."""
    assert f"## {PROJECT['version']}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_no_tracked_file_names_a_machine():
    """Nothing of one machine is in the repository: no home, no package registry, no work folder."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    foreign = re.compile(r"/(?:work|home|root|Users)/\w|files\.pythonhosted|\.whl\b")
    texts = {
        name: (ROOT / name).read_text(errors="replace") for name in tracked.stdout.split() if (ROOT / name).is_file()
    }

    assert [] == [
        name for name, text in texts.items() if foreign.search(text) and name != "tests/repo/test_repository.py"
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_ships_the_sql_as_text(wheel):
    """An installed kwx has every statement that the checkout has."""
    shipped = {
        name.removeprefix("warehouse/sql/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("warehouse/sql/")
    }

    assert {str(path.relative_to(ROOT / "sql")) for path in (ROOT / "sql").rglob("*.sql")} == shipped


def test_an_installed_wheel_answers(wheel, tmp_path):
    """Unpacked elsewhere, the packages find their SQL and answer on an empty lake."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "from warehouse import connect; print(connect('nowhere').sql('from minute_panel_full').pl().height)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
        check=False,
    )

    assert "0\n" == done.stdout, done.stderr


def test_the_files_that_take_longest_are_there():
    """A name that is nobody's any more would put its file last again."""
    from tests.conftest import LONGEST_FIRST

    assert [] == [name for name in LONGEST_FIRST if not (ROOT / name).is_file()]
    assert len(LONGEST_FIRST) == len(set(LONGEST_FIRST))
