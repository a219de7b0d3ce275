"""The core process: kill -9 under load changes no alert, and what it says when it cannot run."""

import json
import signal
import urllib.error
import urllib.request

import tonus_process


class Core(tonus_process.Case):
    def test_kill_9_under_load_gives_the_alerts_of_an_undisturbed_run(self):
        broker = self.part("broker", "--ward")
        broker.wait_for("listening")
        ward = self.part("simulate", "--speed", "1500", "--for", "6h", "--patients", "6")
        kills = 0
        core = self.part("core")
        core.wait_for("running")
        while ward.process.poll() is None:
            # Once the core has said something new, it is in the middle of its work.
            said = self.run_tonus("tail", "--no-snapshot", "--count", "1", "alert.", "progress.", "--for", "3s")
            self.assertEqual(said.returncode, 0, said)
            self.assertEqual(core.end(signal.SIGKILL), -signal.SIGKILL)
            kills += 1
            core = self.part("core")
            core.wait_for("running")
        self.assertEqual(ward.process.returncode, 0, ward.output())
        self.assertGreaterEqual(kills, 2)
        core.end(signal.SIGKILL)
        core = self.part("core")
        core.wait_for("caught up")
        self.assertEqual(core.end(), 0, core.output())
        self.assertEqual(broker.end(), 0, broker.output())

        folder = self.folder / "data/ward/log"
        shown = self.run_tonus("--json", "log", "show", folder, "--prefix", "alert.")
        self.assertEqual(shown.returncode, 0, shown)
        on_disk = [json.loads(line) for line in shown.stdout.splitlines()]
        names = [(record["producer"], record["sequence"]) for record in on_disk]
        self.assertEqual(len(names), len(set(names)), "an alert stands there twice")
        # The log alone decides, so a replay of it is the run without a kill.
        done = self.run_tonus("replay", folder, "--alerts", self.folder / "undisturbed.jsonl", timeout=120)
        self.assertEqual(done.returncode, 0, done)
        undisturbed = [json.loads(line) for line in (self.folder / "undisturbed.jsonl").read_text().splitlines()]
        self.assertGreater(len(undisturbed), 3)
        self.assertEqual(
            sorted((r["alert"]["patient_id"], r["alert"]["condition"], int(r["alert"]["sequence"]),
                    r["alert"]["headline"]) for r in on_disk),
            sorted((r["patient"], r["condition"], r["sequence"], r["headline"]) for r in undisturbed))

    def test_without_a_broker_it_ends_with_code_3(self):
        done = self.run_tonus("core", timeout=120)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(f"ipc://{self.folder}/", done.stderr)

    def test_a_detector_that_cannot_be_loaded_is_named_with_the_reason(self):
        self.part("broker").wait_for("listening")
        bad = self.folder / "bad.so"
        bad.write_text("this is no shared object")
        for path, word in ((bad, "bad.so"), (self.folder / "absent.so", "absent.so")):
            self.write_config(more=f"plugins:\n  - path: {path}\n")
            for arguments in (["core"], ["plugin", "list"]):
                done = self.run_tonus(*arguments)
                self.assertEqual(done.returncode, 2 if path == bad else 3, done)
                self.assertIn(word, done.stderr)
            doctor = self.run_tonus("doctor")
            self.assertEqual(doctor.returncode, 1)
            self.assertIn(word, doctor.stdout)

    def test_one_that_cannot_listen_takes_no_name_from_one_that_runs(self):
        self.write_config(core={"http": "127.0.0.1:0"})
        self.part("broker").wait_for("listening")
        first = self.part("core")
        address = json.loads(first.wait_for('"running"'))["http"]
        first.wait_for("caught up")
        self.write_config(core={"http": address.removeprefix("http://")})
        done = self.run_tonus("core")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(address, done.stderr)
        # Progress is published each second, which a core that has lost its name cannot.
        seen = self.run_tonus("tail", "progress.", "--count", "3", "--for", "30s")
        self.assertEqual(seen.stdout.count("progress."), 3, first.output())
        self.assertEqual(first.end(), 0, first.output())

    def test_an_unknown_setting_of_a_detector_is_refused_where_it_stands(self):
        self.write_config(more="plugins:\n  - path: withdrawal.so\n    settings: {possible_pints: 3}\n")
        done = self.run_tonus("plugin", "list")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("tonus.yaml:", done.stderr)
        self.assertIn("possible_points", done.stderr)

    def test_health_follows_the_broker(self):
        self.write_config(core={"http": "127.0.0.1:0"})
        broker = self.part("broker")
        broker.wait_for("listening")
        core = self.part("core")
        address = json.loads(core.wait_for('"running"'))["http"]
        core.wait_for("caught up")
        with urllib.request.urlopen(address + "/healthz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        with urllib.request.urlopen(address + "/metrics", timeout=10) as answer:
            self.assertIn("\ntonus_core_patients 0", answer.read().decode())
        broker.end()
        core.wait_for("the broker is silent")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + "/healthz", timeout=10)
        self.assertEqual(refused.exception.code, 503)


if __name__ == "__main__":
    tonus_process.main()
