"""The thread that looks at the machine once a period and says `Hardware`, and what is wrong with it.

Started by the engine's run. It shares nothing with the training loop but the log's queue, so a slow disk, a
hanging driver or a lost GPU never delays a step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from engine.protocol.events import Event, Gpu, Hardware
from engine.telemetry.host import Host
from engine.telemetry.nvml_process import NvmlProcess


class Sampler:
    """Emits one `Hardware` event a period from `start` to `close`."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        every_s: float,
        disk_path: Path,
        nvml: bool = True,
        judge: Callable[[Hardware], Iterable[Event]] = lambda _: (),
    ) -> None:
        """Nothing runs before `start`.

        Args:
            emit: takes each event; called from the sampler's thread, must not block.
            every_s: period.
            disk_path: on the file system whose free space matters: the run folder.
            nvml: look for NVIDIA GPUs, in a child process.
            judge: what else to say after a sample.
        """
        self._emit = emit
        self._judge = judge
        self._every_s = every_s
        self._host = Host(disk_path)
        self._nvml = NvmlProcess(every_s) if nvml else None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin; the first event comes at once, without percentages."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and the child. Safe to call twice, or without `start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                seen = self._sample()
                self._emit(seen)
                for event in self._judge(seen):
                    self._emit(event)
                if self._stop.wait(self._every_s):
                    return
        finally:
            if self._nvml is not None:
                self._nvml.close()

    def _sample(self) -> Hardware:
        gpus: list[Gpu] = []
        status = ""
        if self._nvml is not None:
            gpus, status = self._nvml.poll()
        return Hardware(gpus=gpus, gpu_status=status, **asdict(self._host.read()))
