"""Whatever bytes come to the socket, the server goes on serving, and no frame costs it much memory."""

from __future__ import annotations

import pytest

from benchmarks.durability.frames import MEMORY_AIM_BYTES, SHORT, fuzz


@pytest.mark.parametrize("seed", [1, 2])
def test_no_frame_stops_the_server_or_fills_its_memory(seed: int) -> None:
    outcome = fuzz(SHORT, seed)
    assert outcome.heard >= SHORT
    assert (outcome.crashed, outcome.serves) == ("", True)
    assert outcome.worst_bytes <= MEMORY_AIM_BYTES
