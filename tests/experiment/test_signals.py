"""The first signal is noted, the second ends the process; outside the block they mean what they meant before."""

import signal
import subprocess
import sys
import threading

import pytest

from dqn_zoo_ext.experiment.signals import StoppedAtOnce, StopRequest, stop_requests

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_the_block_goes_on(number: signal.Signals) -> None:
    with stop_requests() as stop:
        assert not stop.asked()
        signal.raise_signal(number)
        assert stop.asked()
        assert stop.signal is number


@pytest.mark.parametrize("number", SIGNALS)
def test_where_nothing_is_to_be_saved_it_stops_at_once(number: signal.Signals) -> None:
    with stop_requests() as stop:
        with pytest.raises(StoppedAtOnce), stop.at_once():
            signal.raise_signal(number)
        assert stop.signal is number
        with pytest.raises(StoppedAtOnce), stop.at_once():  # so does one that came before the block
            pytest.fail("never here")
    with stop_requests() as stop:
        with stop.at_once():
            pass
        signal.raise_signal(number)  # behind the block it is noted again
        assert stop.signal is number


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_signals_mean_what_they_meant_before(fails: bool) -> None:
    seen: list[int] = []
    before = {number: signal.signal(number, lambda number, _: seen.append(number)) for number in SIGNALS}
    try:
        try:
            with stop_requests():
                if fails:
                    raise RuntimeError("inside")
        except RuntimeError:
            pass
        for number in SIGNALS:
            signal.raise_signal(number)
        assert seen == SIGNALS
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_TWICE = """
import signal, sys
from dqn_zoo_ext.experiment.signals import stop_requests
with stop_requests():
    signal.raise_signal(int(sys.argv[1]))
    print("on", flush=True)
    signal.raise_signal(int(sys.argv[2]))
    print("never here", flush=True)
"""


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_one_of_either_kind_ends_the_process_at_once(first: signal.Signals, second: signal.Signals) -> None:
    words = [sys.executable, "-c", _TWICE, str(int(first)), str(int(second))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + second
    assert done.stdout.splitlines() == ["on"]


def test_in_another_thread_nothing_is_caught_and_nothing_fails() -> None:
    seen: list[StopRequest] = []
    before = [signal.getsignal(number) for number in SIGNALS]

    def run() -> None:
        with stop_requests() as stop:
            seen.append(stop)
            assert [signal.getsignal(number) for number in SIGNALS] == before

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [stop.asked() for stop in seen] == [False]


def test_a_block_within_another_has_its_request() -> None:
    """As a run within a campaign: a signal that came too late for the run is not lost."""
    with stop_requests() as outer:
        with stop_requests() as inner:
            assert inner is outer
            signal.raise_signal(signal.SIGTERM)
        assert outer.signal is signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
