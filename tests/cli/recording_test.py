"""Recorded patients through the whole program: import, publish over TCP, live core, replay, as a person does it."""

import json
import os
import pathlib
import signal
import socket

import tonus_process

SHARED = pathlib.Path(os.environ.get("TONUS_SHARED", tonus_process.SOURCE / "../shared")) / "data"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Recording(tonus_process.Case):
    def setUp(self):
        super().setUp()
        self.write_config(broker={"ingest": f"tcp://127.0.0.1:{free_port()}"})

    def answer(self, *arguments, code=0):
        done = self.run_tonus("--json", *arguments, timeout=200)
        self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout)

    def test_real_patients_give_the_same_alerts_live_and_by_replay(self):
        if not (SHARED / "mimic3-demo").is_dir():
            self.skipTest("needs ../shared/data (set TONUS_SHARED)")
        log = self.folder / "recording"
        imported = self.answer("import", "mimic3-demo", SHARED / "mimic3-demo", "--out", log, "--synthetic-pump")
        self.assertEqual(imported["patients"], 37)
        count = sum(imported["events"].values())

        broker = self.part("broker", "--given")
        broker.wait_for("listening")
        core = self.part("core")
        core.wait_for("running")
        sent = self.answer("publish", log, "--producer", "import-mimic3-demo")
        self.assertEqual((sent["acknowledged"], sent["refused"]), (count, {}))
        self.assertEqual(core.end(), 0, core.output())
        core = self.part("core")
        core.wait_for("caught up")
        self.assertEqual(core.end(), 0, core.output())
        self.assertEqual(broker.end(), 0, broker.output())

        live = self.folder / "data/live/log"
        from_live = self.answer("replay", live, "--alerts", self.folder / "live.jsonl", "--shards", 2, "--batch", 33)
        self.assertTrue(from_live["alerts_in_log_equal"])
        self.assertEqual(from_live["alerts_in_log"], from_live["alert_versions"])
        self.assertGreater(from_live["alert_versions"], 100)
        self.answer("replay", log, "--alerts", self.folder / "recording.jsonl")
        self.assertEqual((self.folder / "live.jsonl").read_bytes(), (self.folder / "recording.jsonl").read_bytes())

    def test_a_replay_names_what_differs_from_the_log_and_strict_refuses(self):
        lines = self.folder / "day.jsonl"
        lines.write_text(tonus_process.event_lines(60))
        broker = self.part("broker", "--given")
        broker.wait_for("listening")
        core = self.part("core")
        core.wait_for("running")
        self.answer("publish", lines)
        core.wait_for("caught up")
        self.assertEqual(core.end(), 0, core.output())
        self.assertEqual(broker.end(), 0, broker.output())
        log = self.folder / "data/live/log"
        same = self.answer("replay", log, "--strict")
        self.assertEqual(same["differences"], [])
        self.write_config(more="plugins:\n  - path: withdrawal.so\n    settings: {possible_points: 3}\n")
        self.assertGreater(len(self.answer("replay", log)["differences"]), 1)
        done = self.run_tonus("replay", log, "--strict")
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"core\.\w+ from offset \d+: detector org.tonus.withdrawal: possible_points = \S+ then, 3 now\n")
        self.assertRegex(done.stderr, r"detector org\.tonus\.infection: in force then, not now\n")
        self.assertIn("not replayed", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_publisher_that_is_interrupted_goes_on_where_it_was(self):
        lines = self.folder / "day.jsonl"
        lines.write_text(tonus_process.event_lines(1440))
        broker = self.part("broker", "--given")
        broker.wait_for("listening")
        slow = self.part("publish", lines, "--speed", "3600")  # A day in 24 s.
        self.assertEqual(self.run_tonus("tail", "vitals.", "--count", "20", "--for", "60s").returncode, 0)
        self.assertEqual(slow.end(signal.SIGINT), 1, slow.output())
        self.assertIn("the same command goes on from here", slow.output())

        rest = self.answer("publish", lines)
        self.assertGreaterEqual(rest["there_before"], 20)
        self.assertEqual(rest["there_before"] + rest["acknowledged"], 1440)
        self.assertEqual(self.answer("publish", lines)["acknowledged"], 0)
        self.assertEqual(broker.end(), 0, broker.output())
        self.assertEqual(self.answer("replay", self.folder / "data/live/log")["events"], 1440)

    def test_an_old_recording_meets_a_wall_clock(self):
        lines = self.folder / "old.jsonl"
        lines.write_text(tonus_process.event_lines(30))
        self.part("broker").wait_for("listening")
        refused = self.run_tonus("publish", lines)
        self.assertEqual(refused.returncode, 2, refused)
        self.assertIn("--shift-to-now", refused.stderr)
        self.assertEqual(self.answer("publish", lines, "--shift-to-now")["acknowledged"], 30)

    def test_what_is_wrong_is_named_with_its_place(self):
        for arguments, code, words in (
                (["import", "physionet2091", "/tmp"], 2, "there is no set"),
                (["import", "physionet2019", self.folder / "none"], 3, "none: there is no such file"),
                (["import", "csv", self.config], 2, "--map"),
                (["import", "csv", self.config, "--map", self.config], 2, "tonus.yaml:1:1"),
                (["replay", self.folder / "none"], 3, "name a log folder or a file of JSON lines"),
                (["replay", self.folder], 3, str(self.folder))):
            done = self.run_tonus(*arguments)
            self.assertEqual(done.returncode, code, done)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    tonus_process.main()
