"""The dotted names that a pickle imports, read off its opcodes without running them."""

import pickletools
from collections.abc import Iterator

UNREADABLE = "something unreadable"
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


def imported_by(pickled: bytes) -> Iterator[str]:
    """Each name as it is found, in the order of the opcodes; UNREADABLE for what only a run would tell.

    An unpickler imports and calls as it goes: what stands before a broken opcode has been run by then, and is told.
    """
    memo: dict[int, str | None] = {}
    top: list[str | None] = []
    try:
        for code, argument, _ in pickletools.genops(pickled):
            if code.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".", 1)
            elif code.name == "STACK_GLOBAL":
                yield _dotted(top)
            elif code.name.startswith("EXT"):
                yield UNREADABLE
            top = _top_after(code.name, argument, top, memo)
    except Exception:  # broken, cut short, or not a pickle at all
        yield UNREADABLE


def _top_after(
    name: str, argument: str | int | float | bytes | None, top: list[str | None], memo: dict[int, str | None]
) -> list[str | None]:
    """What is known for certain of the top of the stack: texts that were pushed one after the other, and nothing else.

    An opcode that does anything else to the stack ends that knowledge, so that none can pretend another top.
    """
    if name in _TEXTS:
        return [*top[-1:], str(argument)]
    if name in _GETS:
        return [*top[-1:], memo.get(int(argument or 0))]
    if name == "MEMOIZE":
        memo[len(memo)] = top[-1] if top else None
    elif name in _PUTS:
        memo[int(argument or 0)] = top[-1] if top else None
    elif name not in ("PROTO", "FRAME"):
        return []
    return top


def _dotted(top: list[str | None]) -> str:
    module, name = top[-2:] if len(top) > 1 else (None, None)
    return UNREADABLE if module is None or name is None else f"{module}.{name}"
