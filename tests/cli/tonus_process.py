"""Runs the real program for tests: in a folder of its own, on ipc sockets, with deadlines instead of sleeps."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TONUS = os.environ["TONUS"]
SOURCE = pathlib.Path(os.environ["TONUS_SOURCE_DIR"])


def run(*arguments, timeout=60, **options):
    """The finished process of `tonus ARGUMENTS`, with its output as text."""
    return subprocess.run([TONUS, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=options.pop("stdin", subprocess.DEVNULL), **options)


class Part:
    """A running `tonus`, whose lines can be waited for. Standard error goes into the same lines."""

    def __init__(self, *arguments, cwd=None):
        self.arguments = arguments
        self.process = subprocess.Popen([TONUS, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=cwd,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.lines = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append(None)  # the end
            self._changed.notify_all()

    def wait_for(self, text, seconds=60):
        """The first line that holds `text`; fails, with all output, when the process ends or time is over."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                while seen < len(self.lines):
                    line = self.lines[seen]
                    seen += 1
                    if line is None:
                        raise AssertionError(f"{self.arguments} ended without {text!r}:\n{self.output()}")
                    if text in line:
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise AssertionError(f"{self.arguments}: no {text!r} in {seconds} s:\n{self.output()}")

    def output(self):
        return "\n".join(line for line in self.lines if line is not None)

    def end(self, how=signal.SIGTERM, seconds=30):
        """Sends a signal and returns the exit code; a process that does not end in time is killed and -9."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        self.process.stdout.close()
        return self.process.returncode


class Case(unittest.TestCase):
    """A test with a folder of its own, a configuration on ipc sockets in it, and parts that end with it."""

    def setUp(self):
        # Short: a Unix socket's path holds 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tn"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = self.folder / "tonus.yaml"
        self.write_config()

    def write_config(self, **changes):
        endpoints = {name: f"ipc://{self.folder}/{name}" for name in ("ingest", "intake", "live", "replay")}
        endpoints.update({"http": "off"})
        endpoints.update(changes.pop("broker", {}))
        core = {"http": "off", "signals": SOURCE / "config/signals.yaml", "drugs": SOURCE / "config/drugs.yaml"}
        core.update(changes.pop("core", {}))
        text = "broker:\n" + "".join(f"  {key}: {value}\n" for key, value in endpoints.items())
        text += "core:\n" + "".join(f"  {key}: {value}\n" for key, value in core.items())
        self.config.write_text(text + changes.pop("more", ""))

    def common(self):
        return ["--config", self.config, "--data", self.folder / "data"]

    def part(self, *arguments):
        part = Part(*self.common(), *arguments)
        self.addCleanup(part.end, signal.SIGKILL)
        return part

    def run_tonus(self, *arguments, **options):
        return run(*self.common(), *arguments, **options)


def event_lines(count, patient="p1", unit="icu", start="2024-03-01T08:00:00Z", step_s=60):
    """`count` lines for `import jsonl` and `publish`: a heart rate each minute."""
    begin = int(datetime.datetime.fromisoformat(start.replace("Z", "+00:00")).timestamp())
    lines = []
    for i in range(count):
        item = {"code": {"system": "local", "code": "HR"}, "quantity": 70 + i % 20, "unit": "/min"}
        lines.append(json.dumps({"topic": f"vitals.{unit}.{patient}.", "event": {
            "patient_id": patient, "source_id": "monitor", "source_sequence": str(i + 1),
            "effective_ns": str((begin + i * step_s) * 1_000_000_000), "observations": {"items": [item]}}}))
    return "\n".join(lines) + "\n"


def main():
    unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit("this file holds what tests share")
