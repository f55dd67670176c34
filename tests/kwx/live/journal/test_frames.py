"""Frames on the disk: whole, torn at the end, or altered, and told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.live.journal.frames import FrameFile, frames_of
from warehouse.errors import FileBroken, LakeBusy

CONTENTS = st.lists(st.binary(max_size=200), min_size=1, max_size=6)


def written(folder, contents):
    path = folder / "a.journal"
    path.unlink(missing_ok=True)
    with FrameFile(path, lambda content: None, sync=False) as file:
        for content in contents:
            file.append(content)
    return path


def read(path):
    return [frame.content for frame in frames_of(path)]


@given(contents=CONTENTS)
def test_frames_come_back_as_they_were_written(tmp_path_factory, contents):
    """Whatever bytes they hold, none at all too."""
    assert contents == read(written(tmp_path_factory.mktemp("frames"), contents))


@given(contents=CONTENTS, data=st.data())
def test_a_file_that_ends_within_a_frame_holds_those_before(tmp_path_factory, contents, data):
    """Wherever the writer died, and whether or not the system had filled the rest with zeros."""
    path = written(tmp_path_factory.mktemp("frames"), contents)
    whole = path.read_bytes()
    starts = [frame.at for frame in frames_of(path)]
    cut = data.draw(st.integers(starts[-1], len(whole) - 1))
    zeros = data.draw(st.sampled_from([0, 7, 4096]))
    path.write_bytes(whole[:cut] + b"\0" * max(zeros, 0))

    if zeros and whole[cut:].strip(b"\0") == b"":
        return  # what was cut off were zeros
    assert contents[:-1] == read(path)


@given(contents=CONTENTS, data=st.data())
def test_a_flipped_bit_is_refused(tmp_path_factory, contents, data):
    """Anywhere in the file, in the last frame too: nothing that was altered is taken for torn or for whole."""
    path = written(tmp_path_factory.mktemp("frames"), contents)
    said = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(said) - 1))
    said[bit // 8] ^= 1 << bit % 8
    path.write_bytes(said)

    with pytest.raises(FileBroken, match="was altered"):
        read(path)


def test_a_torn_frame_is_cut_off_when_the_file_goes_on(tmp_path):
    """The frame that follows stands where the torn one began."""
    path = written(tmp_path, [b"first", b"second"])
    path.write_bytes(path.read_bytes()[:-3])

    with FrameFile(path, lambda content: None) as file:
        file.append(b"third")

    assert [b"first", b"third"] == read(path)


def test_one_process_writes_a_file_at_a_time(tmp_path):
    """A second loop is told so at once."""
    path = written(tmp_path, [b"first"])

    with FrameFile(path, lambda content: None), pytest.raises(LakeBusy, match="another loop"):
        FrameFile(path, lambda content: None)
