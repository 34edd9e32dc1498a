"""Of what kind the arguments of ``train`` are that a run writes down, to know damaged ones by it."""

from typing import Any, NamedTuple


class _Kind(NamedTuple):
    """What it is called, the types of its values, and which arguments are of it."""

    words: str
    types: tuple[type, ...]
    names: tuple[str, ...] = ()


_KINDS = (
    _Kind(
        "a list of words",
        (list,),
        ("hyperparams", "env_kwargs", "eval_env_kwargs", "allow_change", "gym_packages", "wandb_tags"),
    ),
    _Kind(
        "true or false",
        (bool,),
        (
            *("faithful", "save_replay_buffer", "progress", "profile", "uuid", "track"),
            *("optimize_hyperparameters", "no_optim_plots"),
        ),
    ),
    _Kind(
        "a whole number",
        (int,),
        (
            *("n_timesteps", "seed", "keep_checkpoints", "log_interval", "num_threads", "verbose"),
            *("n_trials", "n_jobs", "n_startup_trials", "reduction_factor", "confirm_seeds", "heartbeat"),
        ),
    ),
    _Kind(
        "a whole number or null",
        (int, type(None)),
        (
            *("save_freq", "eval_freq", "eval_episodes", "n_eval_envs"),
            *("n_evaluations", "max_total_trials", "trial_id"),
        ),
    ),
    _Kind("a number", (int, float), ("ray_cpus", "ray_gpus")),
    _Kind(
        "text",
        (str,),
        ("algo", "env", "log_folder", "device", "vec_env", "sampler", "pruner", "wandb_project_name"),
    ),
    _Kind(
        "text or null",
        (str, type(None)),
        (
            *("conf_file", "preset", "trained_agent", "resume", "tensorboard_log"),
            *("storage", "study_name", "optimization_log_path", "ray", "wandb_entity", "wandb_group"),
        ),
    ),
    _Kind("true, false or text", (bool, str), ("truncate_last_trajectory",)),
)


def kind_missed(name: object, value: Any) -> str | None:
    """The kind, in words, that the argument has and `value` has not; None if it is of that kind.

    An argument that another version knew may have any value.
    """
    kind = next((each for each in _KINDS if name in each.names), None)
    if kind is None:
        return None
    words = value if isinstance(value, list) else []
    fits = type(value) in kind.types and all(isinstance(word, str) for word in words)
    return None if fits else kind.words
