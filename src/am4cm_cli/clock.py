"""Where the time goes."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter, thread_time


class Clock:
    """Seconds by stage, summed over the threads that went through them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.wall: defaultdict[str, float] = defaultdict(float)
        """As they passed, waiting for a core or a disk included."""
        self.busy: defaultdict[str, float] = defaultdict(float)
        """Of a core's work."""
        self._lock = Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add what the block takes to a stage."""
        start, worked = perf_counter(), thread_time()
        try:
            yield
        finally:
            passed, work = perf_counter() - start, thread_time() - worked
            with self._lock:
                self.wall[stage] += passed
                self.busy[stage] += work

    def tell(self) -> str:
        """One line of seconds by stage, for the log; stages overlap where several threads work."""
        stages = [f"{stage} {seconds:.2f} s" for stage, seconds in self.wall.items()]
        return f"time by stage, summed over threads: {', '.join(stages) or 'none'}"
