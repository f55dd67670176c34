"""What vendors answered is kept byte for byte, durably, and damage is seen."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.archive import RawArchive, place_of, read, scan
from pipelines.asking.responses import Response
from pipelines.calls import Call
from warehouse.errors import DiskFull, FileBroken

CALL = Call(vendor="vc", kind="vc_obs", path="/timeline", query={"a": "1"}, asked={"city": "chicago", "note": "é\n°"})
ROOT = Path(__file__).parents[2]
BODY = b'{"temp": 71.6}\r\n\r\nWARC/1.1 \x00\xff'


def keep(archive: RawArchive, body: bytes = BODY, *, call: Call = CALL, verdict: str = "usable", status: int = 200):
    headers = (("Content-Type", "text/plain"), ("Set-Cookie", "visitor=7"), ("Content-Encoding", "gzip"))
    response = Response(
        uri="https://vendor.example/timeline?a=1", status=status, reason="OK", headers=headers, body=body
    )
    return archive.keep(call, response, verdict=verdict)


@pytest.fixture
def three(archive: RawArchive) -> Path:
    """A file of three answers."""
    for number in range(3):
        keep(archive, f"answer {number}".encode() * 50)
    archive.close()
    (file,) = archive.folder.rglob("*.warc.gz")
    return file


def bodies(source: Path) -> list[bytes]:
    return [archived.payload.body for archived in scan(source)]


def test_an_answer_comes_back_byte_for_byte_with_what_was_asked(archive):
    """What was kept is what is read, with kind, question, time and place."""
    kept = keep(archive)

    payload = archive.read(kept.path, kept.offset)

    assert (BODY, dict(CALL.asked), "vc_obs") == (payload.body, dict(payload.asked), payload.kind)
    assert datetime(2026, 10, 4, 12, tzinfo=UTC) == payload.received_utc
    assert (kept.path, kept.offset) == place_of(payload.origin)
    assert hashlib.sha256(BODY).hexdigest() == kept.sha256
    assert Path("vc/2026-10-04/run-01.warc.gz") == Path(kept.path)


def test_any_gzip_tool_reads_a_file(archive):
    """A file is plain gzip of plain WARC; cookies and packing are not in it."""
    kept = keep(archive)

    text = subprocess.run(["zcat", archive.folder / kept.path], capture_output=True, check=True).stdout

    assert text.startswith(b"WARC/1.1\r\nWARC-Type: warcinfo\r\n")
    assert b"WARC-Target-URI: https://vendor.example/timeline?a=1\r\n" in text
    assert b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 29\r\n\r\n" + BODY in text
    assert b"visitor" not in text


def test_a_record_is_on_the_disk_when_keep_returns(archive):
    """A reader sees the answer while the file is still growing."""
    keep(archive)

    assert [BODY] == bodies(archive.folder)


def test_answers_come_in_the_order_of_time_over_all_files(tmp_path):
    """Runs, vendors, workers and days do not matter: the first answer comes first."""
    starts = datetime(2026, 10, 4, 23, 59, 50, tzinfo=UTC)
    ticks = iter(range(100))

    def clock() -> datetime:
        return starts + timedelta(seconds=next(ticks))

    with (
        RawArchive(folder=tmp_path, run_id="b", clock=clock) as b,
        RawArchive(folder=tmp_path, run_id="a", clock=clock) as a,
    ):
        for number in range(20):
            call = CALL if number % 3 else Call(vendor="kalshi", kind="kalshi_status", path="/status")
            keep((a, b)[number % 2], str(number).encode(), call=call)

    assert [str(number).encode() for number in range(20)] == bodies(tmp_path)
    assert {"2026-10-04", "2026-10-05"} == {folder.name for folder in tmp_path.glob("*/*")}


def test_threads_write_whole_records_into_files_of_their_own(archive):
    """Many at once lose nothing and mix nothing."""
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda number: keep(archive, str(number).encode() * 1_000), range(64)))

    assert 64 == len({(one.path, one.offset) for one in kept})
    assert {str(number).encode() * 1_000 for number in range(64)} == set(bodies(archive.folder))


def test_a_file_of_an_earlier_process_is_never_reopened(archive):
    """The same run number begins a new file: the old one may end in a torn record."""
    first = keep(archive)
    archive.close()

    with RawArchive(folder=archive.folder, run_id="run", clock=archive.clock) as again:
        second = keep(again)

    assert first.path != second.path


def test_answers_that_were_not_usable_are_kept_and_left_out(archive):
    """An error is evidence, not data."""
    keep(archive, b"Maximum concurrency exceeded", verdict="ask again: it answered 429", status=429)
    keep(archive)

    assert [BODY] == bodies(archive.folder)
    assert [429, 200] == [archived.status for archived in scan(archive.folder, unusable=True)]


@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_record_torn_by_a_kill_is_skipped_with_a_warning(three, lost, caplog):
    """The last record of a killed writer is not whole; everything before it is."""
    three.write_bytes(three.read_bytes()[:-lost])

    found = bodies(three)

    assert [b"answer 0" * 50, b"answer 1" * 50] == found
    assert "is skipped" in caplog.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_cut_anywhere_what_was_whole_is_found(three, data):
    """A file cut at any byte holds exactly the answers that were whole by then."""
    content = three.read_bytes()
    ends = [*(place_of(archived.payload.origin)[1] for archived in list(scan(three))[1:]), len(content)]
    size = data.draw(st.integers(0, len(content)))
    cut = three.with_name("cut.gz")
    cut.write_bytes(content[:size])

    assert sum(end <= size for end in ends) == len(bodies(cut))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_no_flipped_byte_ever_changes_an_answer(three, data):
    """Damage is an error, or lies where nothing is said, or ends the file; it is never read as data."""
    content = bytearray(three.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    flipped = three.with_name("flipped.gz")
    flipped.write_bytes(content)

    try:
        found = bodies(flipped)
    except FileBroken:
        return
    assert [f"answer {number}".encode() * 50 for number in range(3)][: len(found)] == found


WRITES_UNTIL_KILLED = """
import sys
from pathlib import Path
from pipelines.archive import RawArchive
from pipelines.calls import Call
from pipelines.asking.responses import Response

archive = RawArchive(Path(sys.argv[1]), "killed")
call = Call(vendor="vc", kind="vc_obs", path="/")
for number in range(100_000):
    kept = archive.keep(call, Response(uri="http://vendor/", status=200, body=str(number).encode() * 20_000))
    print(number, kept.offset, flush=True)
"""


def test_what_was_kept_survives_a_kill_at_any_moment(tmp_path):
    """Every answer that was said to be kept is there after SIGKILL; at most one more was on its way."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, tmp_path], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    said = [writer.stdout.readline() for _ in range(5)]
    writer.kill()
    said += writer.stdout.readlines()
    writer.stdout.close()
    writer.wait()

    kept = [int(line.split()[0]) for line in said if line.endswith("\n")]
    found = [int(body[: len(body) // 20_000]) for body in bodies(tmp_path)]
    assert kept == found[: len(kept)]
    assert len(found) <= len(kept) + 1


@pytest.mark.parametrize("behind", [b"\0" * 512, b"\x1f\x8b\x08\0\0"])
def test_room_that_was_never_filled_is_a_torn_end_too(three, behind):
    """After a loss of power a file may end in zeros, or in a few bytes."""
    three.write_bytes(three.read_bytes() + behind)

    assert 3 == len(bodies(three))


@pytest.mark.parametrize("damage", ["flipped", "dropped"])
def test_damage_before_the_end_is_an_error_that_names_file_and_offset(three, damage):
    """What was whole once and is not any more is never skipped."""
    places = [place_of(archived.payload.origin)[1] for archived in scan(three)]
    content = bytearray(three.read_bytes())
    if damage == "flipped":
        content[places[1] + 200] ^= 0xFF
    else:
        del content[places[1] + 100 : places[1] + 150]
    three.write_bytes(bytes(content))

    with pytest.raises(FileBroken, match=rf"{three.name} is damaged: the record at offset {places[1]}"):
        bodies(three)


def test_a_body_that_was_altered_is_not_the_one_that_was_hashed(three, archive):
    """Whole gzip is not enough: the digest must agree."""
    altered = gzip.decompress(three.read_bytes()).replace(b"answer 1", b"answer 9")
    three.write_bytes(b"".join(gzip.compress(b"WARC/1.1" + one) for one in altered.split(b"WARC/1.1")[1:]))

    with pytest.raises(FileBroken, match="hashed"):
        bodies(three)


def test_reading_a_place_without_a_record_is_a_broken_file(three, tmp_path):
    """A wrong offset or a missing file is told with its name."""
    with pytest.raises(FileBroken, match="offset 3"):
        read(three.parent, three.name, 3)
    with pytest.raises(FileBroken, match="gone"):
        read(tmp_path, "gone.warc.gz", 0)


def test_other_files_are_left_alone(three):
    """Notes and databases may lie in the raw folder."""
    (three.parent / "README.txt").write_text("mine")

    assert 3 == len(bodies(three.parent.parent.parent))


def test_a_full_disk_is_told_and_leaves_no_half_record(archive, monkeypatch):
    """A record that did not fit is cut off; what was kept before can be read."""
    keep(archive)
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.archive.os.fsync", _no_room)
        with pytest.raises(DiskFull):
            keep(archive, b"does not fit")
    keep(archive, b"later")

    assert {BODY, b"later"} == set(bodies(archive.folder))


def _no_room(_: int) -> None:
    raise OSError(28, "No space left on device")
