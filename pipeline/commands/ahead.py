"""Trainings that start ahead of their stage. DVC runs one stage at a time, and a training does not fill a machine.

A training ahead runs the command of its stage as soon as all that it reads is there. It leaves a finished checkpoint in work/ and
writes no outs. When DVC comes to the stage, the stage goes on from that checkpoint: it ends at once, with the same bits. If a
training ahead fails or is killed, its stage does what is left, and reports what is wrong.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.compute.work import WORK

LOGS = WORK / "ahead"
LOOK_EVERY_S = 0.5


class Ahead:
    """Starts trainings ahead, the last of DVC's stages first.

    Args:
        stages: the stages that will run, in DVC's order; graph: from each stage to those that it reads from.
        at_once: the number of trainings ahead at any time; 0 for none.

    Attributes:
        cpu_s: the CPU time of each training that has ended, by the name of its stage.
    """

    def __init__(self, stages: Sequence[Any], graph: Any, at_once: int) -> None:
        self.at_once = at_once
        self.order = [each.addressing for each in stages]
        self.coming = {each.addressing: each for each in stages if each.addressing.startswith("train_")}
        # What a training reads is there as soon as these stages have ended.
        self.needs = {
            name: {source.addressing for source in graph.successors(each)} & set(self.order)
            for name, each in self.coming.items()
            if at_once
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: set[str] = set()  # stages
        self.awaited = ""  # the training that DVC has come to
        self.cpu_s: dict[str, float] = {}
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        if at_once and self.coming:
            LOGS.mkdir(parents=True, exist_ok=True)
            threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, name: str) -> None:
        """DVC has come to a stage. Wait for its training, if that has started ahead, and show its progress bar."""
        with self.lock:
            if name in self.order:
                self.ended |= set(self.order[: self.order.index(name)])
            self.coming.pop(name, None)
            self.awaited = name
        shown = b""
        while name in self.running:
            last = b"".join(_log(name).read_bytes().splitlines()[-1:])
            if last != shown:
                sys.stderr.write("\r" + last.decode(errors="replace"))
                sys.stderr.flush()
            shown = last
            self.stopped.wait(LOOK_EVERY_S)
        if shown:
            sys.stderr.write("\n")

    def stop(self) -> None:
        """Stop the trainings that still run. Their checkpoints stay."""
        self.stopped.set()
        with self.lock:
            for process in self.running.values():
                os.killpg(process.pid, signal.SIGTERM)
            while self.running:
                self._reap()

    def _watch(self) -> None:
        while not self.stopped.wait(LOOK_EVERY_S):
            with self.lock:
                self._reap()
                self._start()

    def _reap(self) -> None:
        for name, process in list(self.running.items()):
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s[name] = used.ru_utime + used.ru_stime
                del self.running[name]

    def _start(self) -> None:
        # DVC takes them from the front. Taken from the back, none is waited for before the two meet.
        for name, stage in reversed(list(self.coming.items())):
            # While DVC waits for a training, no other stage runs beside those that run ahead.
            at_once = self.at_once + (self.awaited in self.running)
            if len(self.running) < at_once and self.needs[name] <= self.ended:
                del self.coming[name]
                with open(_log(name), "wb") as log:
                    self.running[name] = subprocess.Popen(
                        stage.cmd,
                        shell=True,
                        env=os.environ | {"TRAINING_AHEAD": "1"},
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,  # Ctrl-C reaches this process alone, which then stops it
                    )


def _log(name: str) -> Path:
    return LOGS / f"{name}.log"
