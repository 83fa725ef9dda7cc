"""The machine that is measured on: which core runs what, the CPU and memory of processes, and the load of others."""

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cores:
    """Two sets of cores that do not overlap: one for the server under test, one for all else. Empty: not pinned."""

    under_test: frozenset[int]
    rest: frozenset[int]

    @classmethod
    def split(cls) -> "Cores":
        """The last core this process may use is the server's. Needs two cores and Linux."""
        if not hasattr(os, "sched_setaffinity"):
            return cls(frozenset(), frozenset())
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            return cls(frozenset(), frozenset())
        return cls(frozenset(allowed[-1:]), frozenset(allowed[:-1]))

    def take_the_rest(self) -> None:
        """Move this process, and whatever it starts from now on, off the core of the server under test."""
        if self.rest:
            os.sched_setaffinity(0, self.rest)

    def take_the_server_core(self) -> None:
        """Called in a child process between fork and exec."""
        if self.under_test:
            os.sched_setaffinity(0, self.under_test)

    def __str__(self) -> str:
        if not self.under_test:
            return "not pinned"
        names = [",".join(map(str, sorted(cores))) for cores in (self.under_test, self.rest)]
        return f"server under test on core {names[0]}, all else on core {names[1]}"


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds that these processes and their children have used so far."""
    total = 0.0
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            for process in [parent, *parent.children(recursive=True)]:
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


def unique_memory(pid: int) -> float:
    """Megabytes that belong to this process and its children alone (USS)."""
    parent = psutil.Process(pid)
    return sum(process.memory_full_info().uss for process in [parent, *parent.children(recursive=True)]) / 1e6


@dataclass
class Meter:
    """CPU of some processes and the steal of the whole machine over a stretch of time."""

    pids: list[int]
    cpu: float = field(default=0.0, init=False)
    steal: float = field(default=0.0, init=False)
    wall: float = field(default=0.0, init=False)

    def __enter__(self) -> "Meter":
        self._began = time.perf_counter()
        self._cpu, self._times = cpu_seconds(self.pids), psutil.cpu_times()
        return self

    def __exit__(self, *exc: object) -> None:
        self.wall = time.perf_counter() - self._began
        self.cpu = cpu_seconds(self.pids) - self._cpu
        self.steal = steal_between(self._times, psutil.cpu_times())


def steal_between(before: object, after: object) -> float:
    """The share of all CPU time that the host gave to others, 0 to 1; 0 where the system does not say."""
    spent = [now - then for then, now in zip(before, after, strict=True)]  # type: ignore[call-overload]
    stolen = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return stolen / sum(spent) if sum(spent) else 0.0


def description(cores: Cores) -> dict[str, object]:
    """The facts about this machine that another one must share to have similar figures."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "placement": str(cores),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
