"""`tonus tail` prints what is written, and says when it is blind."""

import json

import tonus_process


class Tail(tonus_process.Case):
    def test_without_a_broker_it_says_that_it_is_blind(self):
        done = self.run_tonus("tail", "--for", "1s")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("BLIND: no broker answers", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_it_waits_for_a_broker_that_starts_later(self):
        tail = self.part("tail", "--count", "1", "tick.", "alert.")
        tail.wait_for("BLIND: no broker")
        self.part("broker").wait_for("listening")
        tail.wait_for("tick.")
        self.assertEqual(tail.process.wait(30), 0)

    def test_it_prints_records_of_its_prefixes_alone(self):
        self.part("broker", "--given").wait_for("listening")
        tail = self.part("--json", "tail", "--count", "3", "vitals.icu.p2.", "--since", "2024-01-01T00:00:00Z")
        for patient in ("p1", "p2", "p22"):
            lines = self.folder / f"{patient}.jsonl"
            lines.write_text(tonus_process.event_lines(3, patient=patient))
            done = self.run_tonus("publish", lines)
            self.assertEqual(done.returncode, 0, done)
        self.assertEqual(tail.process.wait(30), 0)
        records = [json.loads(line) for line in tail.lines if line and line.startswith("{")]
        self.assertEqual([record["topic"] for record in records], ["vitals.icu.p2."] * 3)
        self.assertEqual(records[0]["event"]["observations"]["items"][0]["code"]["code"], "HR")

    def test_it_says_when_the_broker_goes_and_when_it_is_back(self):
        broker = self.part("broker")
        broker.wait_for("listening")
        tail = self.part("tail")
        tail.wait_for("waiting for what comes")
        broker.end()
        tail.wait_for("BLIND: no tick for 5 s")
        self.part("broker").wait_for("listening")
        tail.wait_for("BLIND: the core has not answered")  # The broker is back, and there is no core.


if __name__ == "__main__":
    tonus_process.main()
