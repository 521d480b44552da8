"""How every benchmark names its machine and writes its result: `benchmarks/results/<name>.json`."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Processor, cores, memory, Python, system: what a figure depends on."""
    import psutil

    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_average": [round(x, 1) for x in os.getloadavg()],
    }


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum: these machines are noisy, so a figure never stands alone."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def write(name: str, title: str, rows: list[dict[str, Any]], notes: list[str] | None = None) -> Path:
    """Write one table. A row is `{"figure", "value", "unit", "aim", "met"}` plus whatever explains it."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    body = {
        "benchmark": name,
        "title": title,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "rows": rows,
        "notes": notes or [],
    }
    path.write_text(json.dumps(body, indent=2) + "\n")
    return path


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
