import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.storage.video_file import write_mp4

QUADRANTS = ((250, 10, 10), (10, 250, 10), (10, 10, 250), (200, 200, 200))  # red green / blue grey


def quadrants(height: int, width: int) -> Picture:
    picture = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    picture[:top, :left], picture[:top, left:], picture[top:, :left], picture[top:, left:] = QUADRANTS
    return picture


def decoded(path: Path) -> tuple[dict[str, object], np.ndarray]:
    """What the file says of itself, and its pictures as (n, H, W, 3), by imageio's reader."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    width, height = about["size"]
    return about, np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


def boxes(path: Path) -> list[str]:
    """The names of an mp4's outermost boxes, in order."""
    content, names, place = path.read_bytes(), [], 0
    while place < len(content):
        names.append(content[place + 4 : place + 8].decode())
        place += int.from_bytes(content[place : place + 4])
    return names


@pytest.mark.parametrize(
    ("size", "scale", "video_size"),
    [((210, 160), 1, (160, 210)), ((210, 160), 2, (320, 420)), ((15, 17), 1, (18, 16)), ((15, 17), 3, (52, 46))],
)
def test_a_browser_can_play_it(tmp_path: Path, size: tuple[int, int], scale: int, video_size: tuple[int, int]) -> None:
    path = tmp_path / "replay.mp4"
    write_mp4(itertools.repeat(quadrants(*size), 45), path, fps=15, scale=scale)
    about, pictures = decoded(path)
    assert str(about["codec"]) == "h264"
    assert str(about["pix_fmt"]).startswith("yuv420p")
    assert about["fps"] == 15
    assert about["duration"] == pytest.approx(3.0, abs=0.05)
    assert about["size"] == video_size
    assert len(pictures) == 45
    names = boxes(path)
    assert names.index("moov") < names.index("mdat")  # a browser shows it before it has all of it
    assert list(tmp_path.iterdir()) == [path]


def test_colours_stand_where_they_stood(tmp_path: Path) -> None:
    write_mp4(itertools.repeat(quadrants(64, 48), 5), tmp_path / "a.mp4", fps=30, scale=2)
    _, pictures = decoded(tmp_path / "a.mp4")
    middle_of_quadrants = pictures[2][[32, 32, 96, 96], [24, 72, 24, 72]].astype(int)
    assert np.abs(middle_of_quadrants - QUADRANTS).max() < 16


def test_another_decoder_sees_the_pictures_in_order(tmp_path: Path) -> None:
    greys = [20, 60, 100, 140, 180, 220]
    write_mp4((np.full((64, 64, 3), grey, np.uint8) for grey in greys), tmp_path / "a.mp4", fps=7.5)
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 7.5
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    assert [picture.mean() for picture in pictures] == pytest.approx(greys, abs=4)


def test_a_scaled_pixel_is_a_sharp_square(tmp_path: Path) -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[4, 4] = 255
    write_mp4([picture] * 3, tmp_path / "a.mp4", fps=30, scale=8)
    _, pictures = decoded(tmp_path / "a.mp4")
    grey = pictures[1].mean(axis=2)
    assert grey[33:39, 33:39].min() > 215  # an interpolated square would fade towards its edges
    grey[31:41, 31:41] = 0
    assert grey.max() < 40


def test_an_old_video_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "replay.mp4"
    path.write_bytes(b"old")

    def breaks_off() -> Iterator[Picture]:
        yield from itertools.repeat(quadrants(210, 160), 40)
        raise RuntimeError("the emulator died")

    with pytest.raises(RuntimeError, match="the emulator died"):
        write_mp4(breaks_off(), path, fps=30)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_mp4([quadrants(16, 16)], path, fps=30)
    assert len(decoded(path)[1]) == 1


def test_failures_are_one_line_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(path: Path, pictures: list[Picture]) -> str:
        with pytest.raises(UserError) as caught:
            write_mp4(pictures, path, fps=30)
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
        return str(caught.value)

    path, pictures = tmp_path / "a.mp4", [quadrants(210, 160)] * 200
    assert answer(path, []) == f"cannot write {path}: there are no pictures"
    nowhere = tmp_path / "none" / "a.mp4"
    assert answer(nowhere, pictures) == f"cannot write {nowhere}: No such file or directory"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-ffmpeg"))
    assert answer(path, pictures) == f"cannot run ffmpeg {tmp_path / 'no-ffmpeg'}: No such file or directory"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")  # ends at once, with pictures still on their way to it
    assert answer(path, pictures) == f"cannot write {path}: ffmpeg failed (1): it said nothing"
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert answer(path, pictures).startswith("no ffmpeg: `pip install imageio-ffmpeg`")


def test_what_ffmpeg_said_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.mp4: ffmpeg failed \(\d+\): Picture size 160000x160000 is invalid$"):
        write_mp4([quadrants(16, 16)], tmp_path / "a.mp4", fps=30, scale=10_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("fps", "scale"), [(0, 1), (-1, 1), (float("nan"), 1), (30, 0)])
def test_numbers_without_sense_are_refused(tmp_path: Path, fps: float, scale: int) -> None:
    with pytest.raises(ValueError, match="fps must be above 0"):
        write_mp4([quadrants(16, 16)], tmp_path / "a.mp4", fps, scale)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """A real limit on the size of files stands for the full disk; ffmpeg inherits it."""
    program = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.video_file import write_mp4
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0)
try:
    write_mp4((noise.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(100)), Path(sys.argv[1]), fps=30)
except UserError as error:
    sys.stdout.write(str(error))
"""
    path = tmp_path / "a.mp4"
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {path}: ffmpeg failed (")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "second",
    [
        np.zeros((16, 18, 3), np.uint8),
        np.zeros((16, 16), np.uint8),
        np.zeros((16, 16, 3)),
        np.zeros((16, 16, 4), np.uint8),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(tmp_path: Path, second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        write_mp4([quadrants(16, 16), second], tmp_path / "a.mp4", fps=30)
    assert list(tmp_path.iterdir()) == []
