"""`tonus doctor` finds what keeps tonus from running, and says what to do."""

import json
import os
import socket

import tonus_process


class Doctor(tonus_process.Case):
    def findings(self, code):
        done = self.run_tonus("--json", "doctor")
        self.assertEqual(done.returncode, code, done)
        return {item["subject"]: item for item in json.loads(done.stdout)}

    def test_a_machine_that_is_fit_passes(self):
        found = self.findings(0)
        for subject in ("libzmq", "protobuf", "sqlite", "configuration", "port ingest", "disk"):
            self.assertEqual(found[subject]["verdict"], "ok", found[subject])
        self.assertIn("detector", found)

    def test_a_port_in_use_names_the_process(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.write_config(broker={"live": f"tcp://127.0.0.1:{taken.getsockname()[1]}"})
            found = self.findings(1)
        self.assertEqual(found["port live"]["verdict"], "FAIL")
        self.assertIn(f"pid {os.getpid()}", found["port live"]["text"])
        self.assertIn("choose another port", found["port live"]["advice"])

    def test_a_disk_below_the_floor_fails(self):
        self.write_config(broker={"limits": "{free_bytes: 1000000000000000}"})
        self.assertEqual(self.findings(1)["disk"]["verdict"], "FAIL")

    def test_a_wrong_configuration_fails_with_its_place(self):
        self.config.write_text("core:\n  shard: 2\n")
        found = self.findings(1)["configuration"]
        self.assertIn("tonus.yaml:2:3", found["text"])
        self.assertIn("shards", found["text"])

    def test_a_running_broker_is_no_fault(self):
        self.part("broker").wait_for("listening")
        found = self.findings(0)
        self.assertIn("one runs here", found["broker"]["text"])

    def test_an_exposed_endpoint_is_warned_about(self):
        self.write_config(broker={"live": "tcp://0.0.0.0:47603"})
        done = self.run_tonus("doctor")
        self.assertIn("warn  port live", done.stdout)


if __name__ == "__main__":
    tonus_process.main()
