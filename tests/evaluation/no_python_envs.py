"""What scripted environments of SB3's vector kind need besides their script."""

from typing import Any

from stable_baselines3.common.vec_env import VecEnv


class NoPythonEnvs(VecEnv):
    """There is nothing behind it that has attributes, methods or wrappers; it says that it is monitored."""

    def close(self) -> None: ...

    def get_attr(self, *_: Any, **__: Any) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, *_: Any, **__: Any) -> None: ...

    def env_method(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def env_is_wrapped(self, *_: Any, **__: Any) -> list[bool]:
        return [True] * self.num_envs
