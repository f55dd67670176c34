"""The units and the crontab: every directive is known, every command parses, everything that runs is hardened."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repo.pages import ROOT
from tests.repo.typed import parse

OPS = ROOT / "ops"
SYSTEMD = OPS / "systemd"
OURS = sorted(SYSTEMD.glob("kwx-*.service"))
NOTIFIER = SYSTEMD / "failed-kwx@.service"
UNITS = sorted(path for path in SYSTEMD.rglob("*") if path.is_file())
PROGRAM = "/opt/kwx/.venv/bin/kwx"

# Every directive that the units use; a slip of the pen is no directive, and systemd would only warn of it.
KNOWN = {
    "Unit": {
        *("Description", "Documentation", "Wants", "After", "OnFailure", "StartLimitIntervalSec", "StartLimitBurst"),
    },
    "Service": {
        *(
            "Type",
            "ExecStart",
            "Restart",
            "RestartSec",
            "RestartPreventExitStatus",
            "TimeoutStartSec",
            "TimeoutStopSec",
        ),
        *("User", "Group", "WorkingDirectory", "EnvironmentFile", "Environment", "CacheDirectory", "UMask"),
        *("ReadWritePaths", "LoadCredential", "MemoryMax", "Nice", "IOSchedulingClass", "OOMScoreAdjust"),
        *("NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "ProtectSystem", "ProtectHome"),
        *("PrivateTmp", "PrivateDevices", "ProtectProc", "ProtectClock", "ProtectControlGroups", "ProtectHostname"),
        *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "LockPersonality"),
        *("RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "RestrictAddressFamilies"),
        *("SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
    "Timer": {"OnCalendar", "OnBootSec", "OnUnitActiveSec", "RandomizedDelaySec", "AccuracySec", "Persistent"},
    "Install": {"WantedBy"},
}
HARDENED = {
    "User": "kwx",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
}


def directives(path):
    """Return (section, key, value) of a unit file, line by line, as systemd reads it."""
    section, found = "", []
    for line in path.read_text().splitlines():
        if re.fullmatch(r"\[\w+\]", line):
            section = line[1:-1]
        elif line.strip() and not line.startswith("#"):
            key, separator, value = line.partition("=")
            assert separator, f"{path.name}: {line}"
            found.append((section, key, value))
    return found


def merged(path):
    """Return the directives of a service with those that hold for every unit of ours."""
    everywhere = SYSTEMD / "kwx-.service.d" / "hardening.conf"
    return [
        (key, value) for section, key, value in [*directives(path), *directives(everywhere)] if section == "Service"
    ]


def settings(*, with_comments=True):
    """Return the settings of kwx.env; what is commented out there stands for what a user may say."""
    said = {}
    for line in (OPS / "kwx.env").read_text().splitlines():
        match = re.fullmatch(r"#?([A-Z_]+)=(.*)" if with_comments else r"([A-Z_]+)=(.*)", line)
        if match:
            said[match[1]] = shlex.split(match[2])[0] if match[2] else ""
    return said


def typed(command):
    """Return a command of a unit as it would be typed: the program by its name, settings in place of their names."""
    words = []
    for word in shlex.split(command.replace(PROGRAM, "kwx")):
        if whole := re.fullmatch(r"\$\{(\w+)\}", word):
            words.append(settings()[whole[1]])
        elif split := re.fullmatch(r"\$(\w+)", word):
            words += settings()[split[1]].split()
        else:
            words.append(word)
    return shlex.join(words)


def commands():
    """Return every command of ours that a unit, a drop-in or the crontab runs."""
    of_units = [
        pytest.param(value, id=path.name)
        for path in [*OURS, SYSTEMD / "optional" / "orders.conf"]
        for _, key, value in directives(path)
        if key == "ExecStart" and value
    ]
    of_cron = [
        pytest.param(line.partition("exec ")[2], id=f"crontab {number}") for number, line in enumerate(cron_lines())
    ]
    return [*of_units, *of_cron]


def cron_lines():
    """Return the lines of the crontab that run something."""
    return [line for line in (OPS / "crontab").read_text().splitlines() if re.match(r"[@*\d]", line)]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.relative_to(SYSTEMD)))
def test_every_directive_is_known(path):
    """Section by section."""
    assert [] == [(section, key) for section, key, _ in directives(path) if key not in KNOWN.get(section, ())]


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command, tmp_path, monkeypatch):
    """The program knows the command, its options and the values of kwx.env."""
    monkeypatch.chdir(tmp_path)

    parse(typed(command))


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_every_service_is_hardened_and_limited(path):
    """It runs as nobody in particular, writes the lake (the nightly also models), and has a limit of memory."""
    said = dict(merged(path))
    filters = [value for key, value in merged(path) if key == "SystemCallFilter"]
    written = set(said["ReadWritePaths"].split())

    assert HARDENED == {key: said[key] for key in HARDENED}
    assert "@system-service" in filters
    assert written <= {"/var/lib/kwx/lake", "/var/lib/kwx/models"}
    assert "/var/lib/kwx/models" not in written or path.name == "kwx-nightly.service"
    assert re.fullmatch(r"\d+[MG]", said["MemoryMax"])
    assert ("Unit", "OnFailure", NOTIFIER.name.replace("@", "@%n")) in directives(path)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_what_fails_is_tried_again_and_not_for_ever(path):
    """After a failure, within limits that bite, and not where the answer would be the same; what ends has its time."""
    said = {key: value for _, key, value in directives(path)}
    tries = int(said["StartLimitBurst"])

    assert ("on-failure", "2 3") == (said["Restart"], said["RestartPreventExitStatus"])
    assert tries <= 5
    assert tries * seconds(said["RestartSec"]) < seconds(said["StartLimitIntervalSec"])
    assert said["Type"] != "oneshot" or said["TimeoutStartSec"]


def seconds(said):
    """Return how long a span of systemd is."""
    number, unit = re.fullmatch(r"(\d+)(s|min|h)", said).groups()
    return int(number) * {"s": 1, "min": 60, "h": 3600}[unit]


def test_what_tells_of_a_failure_does_not_share_its_cause():
    """No drop-in of the others holds for it, it reads none of their settings, and a set-uid mailer may run."""
    said = {key: value for _, key, value in directives(NOTIFIER)}
    shared = {path.name.removesuffix(".service.d") for path in SYSTEMD.glob("*.service.d")}

    assert {"kwx-"} == shared
    assert not NOTIFIER.name.startswith(tuple(shared))
    assert not {"EnvironmentFile", "LoadCredential", "OnFailure"} & said.keys()
    # Each of these would set it too, for a service that is not root's.
    implied = ("NoNewPrivileges", "SystemCall", "Restrict", "PrivateDevices", "ProtectKernel", "LockPersonality")
    assert [] == [key for key in said if key.startswith(implied)]


def test_the_night_fits_into_its_memory():
    """Its unit says how many processes: by default there is one for each core."""
    (command,) = [value for _, key, value in directives(SYSTEMD / "kwx-nightly.service") if key == "ExecStart"]

    assert "--workers 2" in command


def test_the_loop_is_on_paper_unless_a_drop_in_says_otherwise():
    """The unit cannot send; the drop-in replaces its command and names all three consents."""
    (paper,) = [value for _, key, value in directives(SYSTEMD / "kwx-live.service") if key == "ExecStart"]
    drop_in = SYSTEMD / "optional" / "orders.conf"
    first, orders = [value for _, key, value in directives(drop_in) if key == "ExecStart"]

    assert "kwx shadow" in paper
    assert "" == first
    assert all(word in orders for word in ("--mode live", "--config", "--confirm ${KWX_LIVE_PHRASE}"))
    assert "trade_mode" in drop_in.read_text()


def test_settlements_are_asked_for_every_half_hour():
    """The timer says the seconds."""
    assert ("Timer", "OnUnitActiveSec", "1800s") in directives(SYSTEMD / "kwx-settlements.timer")


def test_keys_are_handed_over_as_credentials():
    """No unit and no setting holds a private key."""
    said = {key: value for _, key, value in directives(SYSTEMD / "optional" / "keys.conf")}
    name, _, source = said["LoadCredential"].partition(":")

    assert f"KALSHI_PRIVATE_KEY_FILE=%d/{name}" == said["Environment"]
    assert source.startswith("/etc/kwx/")
    assert "KALSHI_PRIVATE_KEY_FILE" not in settings()


def test_every_setting_is_one_that_somebody_reads():
    """A name in kwx.env is read by the program or by a unit; what is not set by default is empty or an example."""
    sources = "".join(
        path.read_text() for layer in ("warehouse", "pipelines", "kwx") for path in (ROOT / layer).rglob("*.py")
    )
    units = "".join(path.read_text() for path in UNITS)

    assert [] == [name for name in settings() if f'"{name}"' not in sources and name not in units]
    assert {"KWX_LAKE", "KWX_MODELS", "KWX_CITIES"} == settings(with_comments=False).keys()


def test_cron_runs_what_the_units_run():
    """The same commands, at the same times."""
    of_units = {
        value.replace(PROGRAM, "kwx") for path in OURS for _, key, value in directives(path) if key == "ExecStart"
    }
    (calendar,) = [value for _, key, value in directives(SYSTEMD / "kwx-nightly.timer") if key == "OnCalendar"]
    nightly = next(line for line in cron_lines() if "kwx nightly" in line)

    assert of_units == {line.partition("exec ")[2] for line in cron_lines()}
    assert calendar.endswith(f"{int(nightly.split()[1]):02d}:{int(nightly.split()[0]):02d}:00 UTC")
    assert all("%" not in line for line in cron_lines())


def test_the_readme_of_the_folder_names_every_file():
    """What lies there is said there."""
    said = (OPS / "README.md").read_text()

    assert [] == [
        path.name for path in OPS.rglob("*") if path.is_file() and path.name not in said and path.name != "README.md"
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_itself_finds_nothing_wrong(tmp_path):
    """`systemd-analyze verify` of all units, with the program and the key where they are here."""
    program = Path(sys.executable).with_name("kwx")
    folder = shutil.copytree(SYSTEMD, tmp_path / "units")
    shutil.copy(folder / "optional" / "keys.conf", folder / "kwx-.service.d")
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace(PROGRAM, str(program)))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(str(path) for path in folder.iterdir() if path.is_file())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )

    assert "" == done.stderr
    assert 0 == done.returncode
