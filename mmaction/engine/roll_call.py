"""Who has come: several processes (or machines) meet at a store, and absent ones are named."""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta

from torch.distributed import DistError, PrefixStore, Store, TCPStore

from mmaction.errors import UserError

LOOK_EVERY_SEC = 0.2
SHOWN = 8


class AbsentError(UserError):
    """Processes or machines that were waited for in vain."""


def open_store(address: str, port: int, *, host: bool, timeout_sec: float) -> TCPStore:
    """A store's connection of its own; the first process is its host, unless torchrun is.

    Raises:
        AbsentError: Nothing answers at the address in time.
        UserError: The host can't take the port.
    """
    if not host:
        _await_answer(address, port, timeout_sec)
    try:
        return TCPStore(
            address,
            port,
            is_master=host,
            timeout=timedelta(seconds=timeout_sec),
            wait_for_workers=False,
            multi_tenant=True,
        )
    except DistError as e:
        if not host:
            raise AbsentError(_no_answer(address, port, timeout_sec)) from e
        raise UserError(
            f"port {port} can't be taken at {address} ({_reason(e)}): another run may have it;"
            " name a free one by PORT (srun, mpirun: MASTER_PORT)"
        ) from e


def _await_answer(address: str, port: int, timeout_sec: float) -> None:
    """The store's own attempts would print a line each."""
    end = time.monotonic() + timeout_sec
    while True:
        try:
            socket.create_connection((address, port), timeout=max(timeout_sec, 1)).close()
            return
        except OSError as e:
            if time.monotonic() > end:
                raise AbsentError(_no_answer(address, port, timeout_sec)) from e
        time.sleep(LOOK_EVERY_SEC)


def _no_answer(address: str, port: int, timeout_sec: float) -> str:
    return (
        f"the first process has not come: nothing answers at {address}:{port} within"
        f" {timeout_sec:g} s (MASTER_ADDR and PORT name the first machine)"
    )


def _reason(error: BaseException) -> str:
    return "in use" if "EADDRINUSE" in str(error) else str(error).splitlines()[0][:200]


def call_roll(store: Store, *, rank: int, count: int, timeout_sec: float, kind: str) -> None:
    """Returns once all ``count`` have called it.

    Args:
        store: The same for all.
        rank: In ``[0, count)``.
        count: How many are to come.
        timeout_sec: How long to wait.
        kind: What they are called in messages, such as ``'process'``.

    Raises:
        AbsentError: Names those that have not come in time.
    """
    store = PrefixStore(f"roll call {kind}", store)
    store.set(str(rank), socket.gethostname())
    names = [str(n) for n in range(count)]
    end = time.monotonic() + timeout_sec
    try:
        while not store.check(names):
            if time.monotonic() > end:
                break
            time.sleep(LOOK_EVERY_SEC)
        absent = [n for n in range(count) if not store.check([str(n)])]
    except DistError as e:
        raise AbsentError(f"{kind} 0 has gone while all were waiting for each other") from e
    if not absent:
        return
    raise AbsentError(
        f"{named(absent, kind)} of {count} (counted from 0) has not come within {timeout_sec:g} s"
    )


def named(ranks: list[int], kind: str = "process") -> str:
    """``[1, 3]`` as ``'process 1, 3'``; a long list is cut."""
    shown = ", ".join(str(rank) for rank in ranks[:SHOWN])
    return f"{kind} {shown}" + (f" and {len(ranks) - SHOWN} more" if len(ranks) > SHOWN else "")


def attempt_prefix() -> str:
    """Keeps apart what torchrun's restarts of one run leave in the store that it keeps."""
    return f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
