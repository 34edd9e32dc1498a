"""Where Pong's ball will be next, told from its places in 1 to 4 frames. Run: python stacking.py [AGENT_STEPS]."""

import sys

import numpy as np

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv

COURT = np.s_[14:77, 12:72]  # rows and columns of the 84 x 84 pixels between the paddles


def stacks_of_pong(agent_steps: int) -> np.ndarray:
    """(agent_steps * 8, 4, 84, 84) uint8: what a random player sees in eight games."""
    venv = AleVecEnv("pong", 8, seed=1)
    venv.reset()
    actions = np.random.default_rng(1).integers(6, size=(agent_steps, 8))
    return np.concatenate([venv.step(each)[0] for each in actions], axis=0).reshape(agent_steps, 8, 4, 84, 84)


def places_of_ball(frames: np.ndarray) -> np.ndarray:
    """(..., 2): row and column of the ball's middle in each frame of shape (..., 84, 84); NaN where there is none."""
    ball = frames[..., *COURT] > 127  # the court is 87
    with np.errstate(invalid="ignore"):
        rows, columns = (
            (ball.any(axis=axis) * np.arange(ball.shape[other])).sum(axis=-1) / ball.any(axis=axis).sum(axis=-1)
            for axis, other in ((-1, -2), (-2, -1))
        )
    return np.stack([rows, columns], axis=-1)


def foretell(places: np.ndarray, n_frames: int) -> tuple[float, float]:
    """From the places in `n_frames` frames, by least squares: mean error in pixels, share of right ups and downs."""
    now, following = places[:-1], places[1:, :, -1]
    known = np.isfinite(now).all(axis=(2, 3)) & np.isfinite(following).all(axis=2)
    seen, next_ = now[known][:, -n_frames:].reshape(known.sum(), -1), following[known]
    seen = np.hstack([seen, np.ones((len(seen), 1))])
    told = seen @ np.linalg.lstsq(seen, next_)[0]
    moved, told_move = (each[:, 0] - now[known][:, -1, 0] for each in (next_, told))
    right = np.sign(moved) == np.sign(told_move)
    return float(np.linalg.norm(told - next_, axis=1).mean()), float(right[moved != 0].mean())


if __name__ == "__main__":
    places = places_of_ball(stacks_of_pong(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
    down = np.diff(places[..., 0], axis=2)
    down = down[np.isfinite(down) & (down != 0)] > 0
    print(f"always the more frequent: up or down right in {max(down.mean(), 1 - down.mean()):.0%}")
    for n_frames in (1, 2, 3, 4):
        error, right = foretell(places, n_frames)
        print(f"frames: {n_frames}, off by {error:.1f} pixels, up or down right in {right:.0%}")
