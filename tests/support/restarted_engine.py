"""The parent that starts engines again, around one without a model: `restarted_engine.py RUN_DIR N [DELAY_S]`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.control.restarter import Restarter

ENGINE = [sys.executable, str(Path(__file__).with_name("tiny_engine.py"))]


if __name__ == "__main__":
    folder, allowed = Path(sys.argv[1]), int(sys.argv[2])
    delay_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0.01
    raise SystemExit(Restarter(folder, allowed, [*ENGINE, str(folder)], delay_s).run(resume=False))
