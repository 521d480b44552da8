"""An offline run of Weights & Biases: what `wandb sync` sends and `wandb leet` shows.

    wandb/offline-run-YYYYMMDD_HHMMSS-ID/run-ID.wandb

The file is a LevelDB log (blocks of 32 KiB; a record's pieces have a CRC-32, a length and a type) of protobuf messages;
source: wandb/proto/wandb_internal.proto and core/pkg/leveldb of wandb 0.31.0. It is written directly and not by
`wandb.log`, which was measured at 2.4 ms a report, takes the clock's time for the run's, and starts a service that may
use the network. The package `wandb` is needed only to look at the run and to send it.

A W&B run is one line: what rollbacks left behind is not in it.
"""

from __future__ import annotations

import json
import math
import re
import struct
import tomllib
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import slotdeck
from engine.text import sanitise
from slotdeck.export_run import tables as t
from slotdeck.export_run.facts import RunFacts
from slotdeck.export_run.protobuf import integer, message, text, timestamp, varint
from slotdeck.export_run.table import Row, Table
from slotdeck.export_run.tables import ON_FINAL_BRANCH, TAGS, VAL_LOSS

_BLOCK = 32 << 10
_PIECE = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _SUMMARY, _STATS, _OUTPUT, _RUN, _EXIT, _HEADER = 2, 3, 7, 13, 17, 18, 21
"""Numbers of the fields of a Record."""
_KEY, _NESTED_KEY, _VALUE_JSON = 1, 2, 16
"""Of an item."""
_SEQ, _WALL, _SINCE, _STEP = 0, 1, 2, 4
_MIB = 1 << 20


class WandbRun:
    """Writes the history as it comes, and the summary at the end."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        self._facts = facts
        name = re.sub(r"[^A-Za-z0-9_-]", "-", facts.run_id)[:64]
        began = datetime.fromtimestamp(facts.began_wall_s, UTC)
        run_dir = folder / f"offline-run-{began:%Y%m%d_%H%M%S}-{name}"
        (run_dir / "files").mkdir(parents=True)
        self._log = _LevelLog((run_dir / f"run-{name}.wandb").open("xb"))
        self._records = 0
        self._places = [(t.STEPS.place(column), _item_head(tag)) for column, tag in TAGS.items()]
        self._fixed = [_item_head(key) for key in ("_step", "_runtime", "_timestamp")]
        self._val = _item_head(VAL_LOSS)
        measured = [(seq, done) for seq, done in facts.evaluations if facts.leads(done.branch, done.step)]
        self._measured = measured[::-1]
        self._pending: Row | None = None
        """The newest report: an evaluation of its step comes after it, and W&B wants one row a step."""
        self._doors: dict[str, Callable[[list[Row]], None]] = {
            t.STEPS.name: self._steps, t.HARDWARE.name: self._hardware, t.GPUS.name: self._gpus,
            t.ALARMS.name: self._alarms, t.COMMANDS.name: self._commands, t.LOG_LINES.name: self._lines,
            t.SAMPLES.name: self._samples,
        }  # fmt: skip
        self._record(_HEADER, message(1, text(1, f"slotdeck {slotdeck.__version__}"), text(2, "0.70.0")))
        self._begin(name)

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table."""
        door = self._doors.get(table.name)
        if door is not None:
            door([row for row in rows if row[ON_FINAL_BRANCH]])

    def close(self) -> None:
        """The last report, the summary, and the end unless the run is live."""
        facts = self._facts
        last = self._pending
        self._report()
        if last is not None:
            figures = {tag: last[t.STEPS.place(column)] for column, tag in TAGS.items()}
            values = [done.loss for _, done in facts.evaluations if facts.leads(done.branch, done.step)]
            if values:
                figures |= {VAL_LOSS: values[-1], f"{VAL_LOSS}_best": min(values)}
            figures |= {"_step": last[_STEP], "_runtime": last[_SINCE], "_timestamp": last[_WALL]}
            items = [
                message(1, text(_NESTED_KEY, key), text(_VALUE_JSON, _json(value)))
                for key, value in figures.items()
            ]
            self._record(_SUMMARY, *items)
        if not facts.live:
            well = facts.ended is not None and facts.ended.outcome in ("finished", "stopped")
            runtime_s = max(0, int(facts.ended_wall_s - facts.began_wall_s))
            self._record(_EXIT, integer(1, 0 if well else 1), integer(2, runtime_s))
        self._log.close()

    def _begin(self, name: str) -> None:
        lives = self._facts.lives
        config: dict[str, Any] = {"_wandb": {}}
        about: list[bytes] = []
        if lives:
            started = lives[-1]
            config |= tomllib.loads(started.profile_toml)
            config["model_parameters"], config["slots_names"] = started.model.params, self._facts.slot_names
            config["slotdeck"], config["torch"] = started.machine.slotdeck, started.machine.torch
            config["device"] = started.machine.device_name or started.machine.device
            about = [text(13, started.machine.host)]
        update = [
            message(1, text(_KEY, key), text(_VALUE_JSON, _json(value))) for key, value in config.items()
        ]
        fields = [
            text(1, name),
            text(3, "slotdeck"),
            message(4, *update),
            text(8, self._facts.run_id),
            *about,
        ]
        self._record(_RUN, *fields, timestamp(17, self._facts.began_wall_s))

    def _record(self, field: int, *parts: bytes) -> None:
        self._records += 1
        self._log.append(integer(1, self._records) + message(field, *parts))

    def _steps(self, rows: list[Row]) -> None:
        for row in rows:
            self._report()
            self._pending = row

    def _report(self) -> None:
        """The pending report, with the newest evaluation up to its step."""
        row = self._pending
        if row is None:
            return
        val_loss = None
        while self._measured and self._measured[-1][1].step <= row[_STEP]:
            val_loss = self._measured.pop()[1].loss
        fixed = zip(self._fixed, (row[_STEP], row[_SINCE], row[_WALL]), strict=True)
        items = [_item(head, value) for head, value in fixed]
        items += [_item(head, row[place]) for place, head in self._places]
        if val_loss is not None:
            items.append(_item(self._val, val_loss))
        self._record(_HISTORY, *items, message(2, integer(1, row[_STEP])))

    def _hardware(self, rows: list[Row]) -> None:
        cpu, used, total, rss = map(
            t.HARDWARE.place, ("cpu_percent", "ram_used_bytes", "ram_total_bytes", "process_rss_bytes")
        )
        for row in rows:
            share = 100 * row[used] / row[total] if row[used] and row[total] else None
            held = None if row[rss] is None else row[rss] / _MIB
            self._stats(row, {"cpu": row[cpu], "memory_percent": share, "proc.memory.rssMB": held})

    def _gpus(self, rows: list[Row]) -> None:
        index, busy, used, total, power, heat = map(
            t.GPUS.place,
            ("gpu", "utilisation", "memory_used_bytes", "memory_total_bytes", "power_w", "temperature_c"),
        )
        for row in rows:
            share = 100 * row[used] / row[total] if row[used] and row[total] else None
            name = f"gpu.{row[index]}"
            self._stats(
                row,
                {f"{name}.gpu": row[busy], f"{name}.memoryAllocated": share, f"{name}.powerWatts": row[power],
                 f"{name}.temp": row[heat]},
            )  # fmt: skip

    def _stats(self, row: Row, figures: dict[str, float | None]) -> None:
        items = [
            message(3, text(_KEY, key), text(_VALUE_JSON, _json(value)))
            for key, value in figures.items()
            if value is not None
        ]
        if items:
            self._record(_STATS, timestamp(2, row[_WALL]), *items)

    def _say(self, row: Row, line: str) -> None:
        """A line of the console."""
        told = f"step {row[_STEP]}: {sanitise(line, 1 << 16)}\n"
        self._record(_OUTPUT, integer(1, 1), timestamp(2, row[_WALL]), text(3, told))

    def _alarms(self, rows: list[Row]) -> None:
        level, what, remedy = map(t.ALARMS.place, ("level", "message", "remedy"))
        for row in rows:
            self._say(row, f"{row[level]}: {row[what]}; {row[remedy]}")

    def _commands(self, rows: list[Row]) -> None:
        status, words, before, after, why = map(
            t.COMMANDS.place, ("status", "text", "before", "after", "refused_reason")
        )
        for row in rows:
            self._say(row, f"{row[status]} {row[words]}: {row[why] or f'{row[before]} -> {row[after]}'}")

    def _lines(self, rows: list[Row]) -> None:
        words = t.LOG_LINES.place("text")
        for row in rows:
            self._say(row, row[words])

    def _samples(self, rows: list[Row]) -> None:
        prompt, words = t.SAMPLES.place("prompt"), t.SAMPLES.place("text")
        for row in rows:
            self._say(row, f"sample\n{row[prompt]}{row[words]}")


class _LevelLog:
    """Appends records to a log of blocks."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = file.write(b":W&B\xe1\xbe\x00")

    def append(self, record: bytes) -> None:
        """One record, in as many pieces as the blocks make of it."""
        begun = False
        while True:
            left = _BLOCK - self._at % _BLOCK
            if left < _PIECE.size:
                self._at += self._file.write(bytes(left))
                continue
            piece, record = record[: left - _PIECE.size], record[left - _PIECE.size :]
            kind = (_MIDDLE if record else _LAST) if begun else (_FIRST if record else _WHOLE)
            crc = zlib.crc32(piece, zlib.crc32(bytes([kind])))
            self._at += self._file.write(_PIECE.pack(crc, len(piece), kind) + piece)
            begun = True
            if not record:
                return

    def close(self) -> None:
        self._file.close()


def _item_head(key: str) -> bytes:
    """The part of an item that is the same in every row."""
    return text(_NESTED_KEY, key) + varint(_VALUE_JSON << 3 | 2)


def _item(head: bytes, value: float) -> bytes:
    """An item of a history row: the key and the number as JSON."""
    body = (repr(value) if math.isfinite(value) else _json(value)).encode()
    return b"\x0a" + varint(len(head) + 1 + len(body)) + head + bytes([len(body)]) + body


def _json(value: object) -> str:
    """JSON as W&B writes it: what is not finite is a string."""
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    return json.dumps(value, ensure_ascii=False, default=str)
