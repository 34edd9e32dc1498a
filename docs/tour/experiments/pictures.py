"""Draws the pictures of the tour from its experiments, into docs/images/tour. Run: python pictures.py [NAME ...]."""

import sys
from collections.abc import Callable
from pathlib import Path

import double_dqn
import matplotlib as mpl
import numpy as np
import replay
import rmsprop
import skipping
import stacking
import torch
from matplotlib.figure import Figure

SAND = 87  # the gray of Pong's court
FOLDER = Path(__file__).resolve().parents[2] / "images" / "tour"
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito's, told apart by everybody
mpl.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})


def draw_double_dqn() -> Figure:
    """The overestimation against the number of actions."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    numbers = (2, 3, 4, 6, 9, 12, 18)
    axes.plot(numbers, [double_dqn.overestimation(n, 0.0, 50_000)[0] for n in numbers], "o-", color=ORANGE, label="DQN")
    for shared, style in ((0.5, "s--"), (0.0, "^-")):
        values = [double_dqn.overestimation(n, shared, 50_000)[1] for n in numbers]
        label = f"Double DQN, {shared:.0%} of the error in both networks"
        axes.plot(numbers, values, style, color=BLUE, label=label)
    axes.set(
        xlabel="actions, all worth 0", ylabel="mean target\n(errors have spread 1)", xticks=numbers, ylim=(-0.1, 2.6)
    )
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw_stacking() -> Figure:
    """A frame of Pong, and the stack that ends with it, the older the fainter."""
    stacks = stacking.stacks_of_pong(100)
    steps = np.diff(stacking.places_of_ball(stacks), axis=2)
    fast = np.nan_to_num(np.abs(steps).min(axis=(2, 3)))  # moves in both directions, in all of the frames
    stack = stacks[np.unravel_index(fast.argmax(), fast.shape)].astype(float)
    court = stack[:, 13:78]
    strengths = np.array([0.3, 0.45, 0.7, 1.0]).reshape(4, 1, 1)
    faint = SAND + (strengths * (court - SAND)).max(axis=0)
    figure = Figure(figsize=(6.4, 2.85), layout="constrained")
    for axes, picture, title in zip(
        figure.subplots(1, 2),
        (court[-1], faint),
        ("one frame: where does it go?", "four frames, the older the fainter"),
        strict=True,
    ):
        axes.imshow(picture, cmap="gray", vmin=40, vmax=200, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    return figure


def draw_skipping() -> Figure:
    """The four frames of one agent step, and what the agent is shown."""
    frames = skipping.frames_of(200)
    lit = (frames == skipping.SHOT).all(axis=-1)
    hidden = (lit[:, 2] & ~lit[:, 3]).sum(axis=(1, 2)) * ~lit[:, 3].any(axis=(1, 2))
    step = frames[hidden.argmax(), :, 85:200, 30:130]
    titles = [f"frame {i}" for i in (1, 2, 3, 4)] + ["max of 3 and 4"]
    figure = Figure(figsize=(8.0, 2.2), layout="constrained")
    for axes, picture, title in zip(figure.subplots(1, 5), [*step, step[2:].max(axis=0)], titles, strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    return figure


def draw_replay() -> Figure:
    """Correlations of the screens in a batch of 32, in order and drawn."""
    ring = replay.ring_of("space_invaders", 4_000)
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, cells, title in zip(
        both, (torch.arange(1_000, 1_032), ring.draw(32).cells), ("32 consecutive steps", "32 drawn ones"), strict=True
    ):
        image = axes.imshow(replay.correlations(ring, cells), cmap="PuOr", vmin=-1, vmax=1)
        axes.set(title=title, xlabel="sample", xticks=(0, 31), yticks=(0, 31))
    both[0].set_ylabel("sample")
    figure.colorbar(image, ax=both, label="correlation", shrink=0.9)
    return figure


def draw_rmsprop() -> Figure:
    """The way of one weight with four optimizers, in a steep valley and in a flat one."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    styles = ((BLUE, "-", 3), (GREEN, "--", 1.6), (ORANGE, "-.", 1.6), (PURPLE, ":", 2))
    both = figure.subplots(1, 2, sharey=True)
    for axes, valley in zip(both, ((0.1, 0.03), (0.001, 0.0003)), strict=True):
        for (name, make), (color, style, width) in zip(rmsprop.OPTIMIZERS.items(), styles, strict=True):
            path = [3.0, *rmsprop.roll(make, *valley, 1_000)]
            axes.plot(path, color=color, linestyle=style, linewidth=width, label=name)
        axes.axhline(0, color="gray", linewidth=0.8)
        axes.set(title=f"slope {valley[0]:g}, noise {valley[1]:g}", xlabel="updates")
    both[0].set_ylabel("weight (the valley's floor is 0)")
    both[0].legend(frameon=False)
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "double_dqn": draw_double_dqn,
    "stacking": draw_stacking,
    "skipping": draw_skipping,
    "replay": draw_replay,
    "rmsprop": draw_rmsprop,
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(FOLDER / f"{name}.png", dpi=100, facecolor="white", metadata={"Software": None})
