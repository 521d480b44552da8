"""The demo from an empty folder to its end: how long it takes, and how far the validation loss falls.

    python benchmarks/demo.py

The same as `make demo` without a terminal, in a temporary folder: corpus, tokenizer, shards, 600 steps.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results
from engine.protocol.codec import decode
from engine.protocol.events import Evaluated, LogLine, RunStarted, StepReport
from engine.runlog.reader import LogReader


def main() -> None:
    """Run it once and write the figures down."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "slotdeck.cli", "demo", "--plain"], cwd=folder, check=True)
        whole_s = time.perf_counter() - begun
        (run_dir,) = (Path(folder) / "runs").iterdir()
        entries = list(LogReader(run_dir).entries())
        events = [decode(entry.kind, entry.payload) for entry in entries]
        training_s = entries[-1].wall_s - entries[0].wall_s
    losses = [e.loss for e in events if isinstance(e, Evaluated)]
    reports = [e for e in events if isinstance(e, StepReport)]
    work = sum(r.active_slots * r.steps for r in reports) / reports[-1].step
    (started,) = [e for e in events if isinstance(e, RunStarted)]
    rows = [
        {
            "figure": "from an empty folder to the last line",
            "value": whole_s,
            "unit": "s",
            "aim": "about 180",
            "met": None,
        },
        {"figure": "of that, the engine", "value": training_s, "unit": "s"},
        _loss("validation loss before training", losses[0], "above 8", losses[0] > 8),
        _loss("validation loss at the end", losses[-1], "below 5.3", losses[-1] < 5.3),
        {"figure": "tokens trained on", "value": reports[-1].tokens, "unit": "tokens"},
        {"figure": "slots at work, mean over the run", "value": work, "unit": f"of {len(started.slots)}"},
    ]
    notes = [e.text for e in events if isinstance(e, LogLine) and "threads" in e.text]
    results.write("demo", "The demo, whole", rows, notes)
    for row in rows:
        print(f"{row['figure']}: {row['value']:.4g} {row['unit']}")


def _loss(figure: str, loss: float, aim: str, met: bool) -> dict[str, object]:
    return {"figure": figure, "value": loss, "unit": "nats per token", "aim": aim, "met": met}


if __name__ == "__main__":
    main()
