"""`tonus up`: alerts within seconds, a second one that goes on, children that are restarted and that never outlive it."""

import json
import os
import pathlib
import re
import select
import signal
import socket
import time

import tonus_process

ALERT = re.compile(r"^\d{4}-\d\d-\d\dT\S+Z  (INFO|LOW|MEDIUM|HIGH) +icu/\S+  \w+  .+")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Up(tonus_process.Case):
    def start(self, *arguments):
        up = self.part("up", "--speed", "600", *arguments)
        line = up.wait_for("tonus is up:")
        pids = {name: int(pid) for name, pid in re.findall(r"(broker|core|simulate) (\d+)", line)}
        self.assertEqual(set(pids), {"broker", "core", "simulate"})
        return up, pids

    def log_answer(self):
        done = self.run_tonus("--json", "log", "stat", self.folder / "data/ward/log")
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout)

    def test_alerts_come_and_a_second_one_goes_on_where_the_first_stopped(self):
        first = self.run_tonus("up", "--for", "20s")
        self.assertEqual(first.returncode, 0, first)
        alerts = [line for line in first.stdout.splitlines() if ALERT.match(line)]
        self.assertTrue(alerts, first.stdout)
        self.assertIn("ipc://", first.stdout)
        self.assertIn(" tail", first.stdout)
        before = self.log_answer()
        second = self.run_tonus("up", "--for", "6s")
        self.assertEqual(second.returncode, 0, second)
        self.assertIn("going on where it stopped", second.stdout)
        after = self.log_answer()
        self.assertEqual(after["log_id"], before["log_id"])
        self.assertGreater(after["last_offset"], before["last_offset"])
        self.assertGreater(after["last_recorded"], before["last_recorded"])
        self.assertEqual(self.run_tonus("log", "verify", self.folder / "data/ward/log").returncode, 0)

    def test_it_stops_within_seconds_and_leaves_no_child(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            up, pids = self.start()
            begin = time.monotonic()
            self.assertEqual(up.end(how), 0, up.output())
            self.assertLess(time.monotonic() - begin, 10)
            self.assertIn("`up` again goes on from here", up.output())
            self.assertFalse([name for name, pid in pids.items() if alive(pid)])

    def test_a_child_that_dies_is_started_again_with_its_reason(self):
        up, pids = self.start()
        up.wait_for("watching: ")
        for name in ("core", "broker"):
            os.kill(pids[name], signal.SIGKILL)
            up.wait_for(f"{name} was ended by signal 9 (Killed); it is started again")
        up.wait_for(" restarts")
        self.assertEqual(up.end(), 0, up.output())

    def test_children_end_when_it_is_killed(self):
        up, pids = self.start()
        ends = [os.pidfd_open(pid) for pid in pids.values()]
        up.end(signal.SIGKILL)
        for end in ends:
            ready, _, _ = select.select([end], [], [], 30)
            os.close(end)
            self.assertTrue(ready)

    def test_another_broker_is_not_taken_for_its_own(self):
        self.part("broker", "--log", self.folder / "other").wait_for("listening")
        done = self.run_tonus("up", "--for", "20s")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("in use", done.stderr)

    def test_a_detector_that_is_refused_ends_it_with_the_reason(self):
        (self.folder / "text.so").write_text("this is no shared object")
        self.write_config(more=f"plugins:\n  - path: {self.folder}/text.so\n")
        done = self.run_tonus("up", "--for", "60s")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("text.so: is not an ELF file", done.stdout)

    def test_a_detector_that_crashes_is_named(self):
        self.write_config(more=f"plugins:\n  - path: {os.environ['TONUS_ZOO']}/zoo_crashes.so\n")
        up = self.part("up", "--speed", "600")
        line = up.wait_for("core was ended by signal")
        self.assertIn("detector 'rise' crashed; have it corrected, or take it out of `plugins`", line)
        self.assertEqual(up.end(), 0, up.output())

    def test_it_says_when_input_is_refused_for_want_of_disk(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.write_config(broker={"http": f"127.0.0.1:{port}", "limits": "{free_bytes: 1099511627776}"})
        up = self.part("up")
        up.wait_for("DISK LOW: ")
        self.assertEqual(up.end(), 0, up.output())

    def test_a_log_in_use_is_said_and_nothing_else(self):
        self.part("broker", "--ward").wait_for("listening")
        text = self.config.read_text().replace(str(self.folder), f"{self.folder}/2")
        second = self.folder / "second.yaml"
        second.write_text(text)
        (self.folder / "2").mkdir()
        done = tonus_process.run("--config", second, "--data", self.folder / "data", "up", "--for", "60s")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("another process is writing this log", done.stdout)
        self.assertNotIn("goes on from here", done.stdout)

    def test_wrong_scenario_file_and_time_are_refused(self):
        self.assertEqual(self.run_tonus("up", "--scenario", self.folder / "none.yaml").returncode, 2)
        done = self.run_tonus("up", "--for", "soon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("'soon' is no time", done.stderr)


if __name__ == "__main__":
    tonus_process.main()
