"""What a line about a step says besides the report: the newest validation loss, and what the memory holds."""

from __future__ import annotations

from dataclasses import dataclass

from engine.protocol import events as e


@dataclass(slots=True)
class LastKnown:
    """Of a run that is told in lines, from its events."""

    val_loss: float | None = None
    memory_bytes: int | None = None
    """Of the process on a CPU; on a GPU what training holds of the device's."""
    _on_cpu: bool = True

    def take(self, event: object) -> None:
        """Remember what there is to remember of an event."""
        match event:
            case e.RunStarted():
                self._on_cpu = event.machine.device == "cpu"
            case e.Evaluated():
                self.val_loss = event.loss
            case e.Hardware() if self._on_cpu:
                self.memory_bytes = event.process_rss_bytes
            case e.MemorySplit() if not self._on_cpu:
                self.memory_bytes = event.weights + event.gradients + event.optimizer + event.activations
            case _:
                pass
