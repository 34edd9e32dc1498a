"""Video files: pictures in, an H.264 mp4 out, by the ffmpeg that the wheel of imageio-ffmpeg carries.

No system ffmpeg and no display are needed. The file plays in every browser (yuv420p, even sizes, index at the front).
"""

import contextlib
import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing

Picture = npt.NDArray[np.uint8]

_PART_OF_FFMPEG = re.compile(r"\[[^]]* @ 0x[0-9a-f]+\] ?")


def write_mp4(frames: Iterable[Picture], path: Path, fps: float, scale: int = 1) -> None:
    """Encode (H, W, 3) uint8 pictures of one size; each pixel becomes a square of `scale` x `scale`.

    The file appears when it is complete. UserError if there are no pictures, no ffmpeg, or it cannot write; ValueError
    if a picture differs in shape or type, or fps or scale is too small. In every case, also when `frames` raises,
    nothing is left behind.
    """
    if not fps > 0 or scale < 1:
        raise ValueError(f"fps must be above 0 and scale at least 1, given {fps} and {scale}")
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise UserError(f"cannot write {path}: there are no pictures")
    _check(first, first.shape)
    with replacing(path) as temporary, tempfile.TemporaryFile() as log:
        # ffmpeg's words go to a file: a pipe that nobody reads while pictures are written would fill and block it
        with _start(_command(_ffmpeg(), first.shape, fps, scale, temporary), log) as process:
            try:
                _feed(process, first, pictures)
            except BaseException:
                process.kill()
                _close(process)
                raise
        if process.returncode != 0:
            raise UserError(f"cannot write {path}: ffmpeg failed ({process.returncode}): {_first_line(log)}")


def write_gif(video: Path, path: Path, width: int = 320) -> None:
    """`video` as an animation for pages that show no videos: at most `width` pixels wide, at 20 pictures a
    second or the video's own pace, if that is slower.

    The file appears when it is complete. UserError if ffmpeg cannot read or write.
    """
    pace_and_size = f"fps='min(20,source_fps)',scale='min({width},iw)':-2:flags=area"
    filters = f"{pace_and_size},split[a][b];[a]palettegen=max_colors=64[c];[b][c]paletteuse"
    with replacing(path) as temporary, tempfile.TemporaryFile() as log:
        command = [_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", "-i", str(video)]
        with _start([*command, "-filter_complex", filters, "-f", "gif", str(temporary)], log) as process:
            _close(process)
        if process.returncode != 0:
            raise UserError(f"cannot write {path}: ffmpeg failed ({process.returncode}): {_first_line(log)}")


def _start(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    with plain_os_errors(f"cannot run ffmpeg {command[0]}"):
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)


def _feed(process: "subprocess.Popen[bytes]", first: Picture, others: Iterator[Picture]) -> None:
    assert process.stdin is not None  # asked for with PIPE
    for picture in itertools.chain([first], others):
        _check(picture, first.shape)
        try:
            process.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            break  # ffmpeg has ended; its exit status and its words say why
    _close(process)


def _close(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(BrokenPipeError):  # the last pictures of a buffer that nobody reads any more
        if process.stdin is not None:
            process.stdin.close()


def _command(ffmpeg: str, shape: tuple[int, ...], fps: float, scale: int, path: Path) -> list[str]:
    height, width, _ = shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "pipe:0"]
    # yuv420p needs even sizes: pad, do not stretch, so that pixels stay square blocks
    filters = f"scale=iw*{scale}:ih*{scale}:flags=neighbor,pad=ceil(iw/2)*2:ceil(ih/2)*2"
    encoder = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart", "-f", "mp4"]
    return [ffmpeg, "-hide_banner", "-loglevel", "error", "-y", *source, "-an", "-vf", filters, *encoder, str(path)]


def _ffmpeg() -> str:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise UserError("no ffmpeg: `pip install imageio-ffmpeg` brings one") from error


def _check(picture: Picture, shape: tuple[int, ...]) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"a picture must be (H, W, 3) uint8, given {picture.shape} {picture.dtype}")
    if picture.shape != shape:
        raise ValueError(f"all pictures must have the first one's shape {shape}, given {picture.shape}")


def _first_line(log: IO[bytes]) -> str:
    """The cause that ffmpeg gave; the lines after it are consequences. Without its ``[part @ 0x55d2]`` in front."""
    log.seek(0)
    lines = [_PART_OF_FFMPEG.sub("", line).strip() for line in log.read().decode(errors="replace").splitlines()]
    return next((line for line in lines if line), "it said nothing")
