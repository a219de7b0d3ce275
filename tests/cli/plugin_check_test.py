"""`plugin check` says of every detector of the zoo which rule it breaks, and passes those that break none."""

import json
import os
import pathlib
import platform
import unittest

import tonus_process
from tonus_process import run

ZOO = pathlib.Path(os.environ["TONUS_ZOO"])

# What is broken, and the sentence that says so.
BROKEN = {
    "magic": ("P1", "does not begin with TONUS_MAGIC"),
    "major": ("P1", "the plugin speaks ABI 2."),
    "symbol": ("P1", "exports no symbol tonus_plugin_v1"),
    "open_fails": ("P1", "the moon is not in the right phase"),
    "exports_more": ("P1", "exports zoo_helper beside tonus_plugin_v1"),
    "steps_by_sizeof": ("P3", "step by stride"),
    "keeps_pointer": ("P3", "keep no pointer"),
    "refuses_unknown": ("P4", "on an event of a kind that it does not know"),
    "crashes": ("P6", "crashes in on_event at record"),
    "reads_clock": ("P7", "imports time: a detector has no clock"),
    "opens_file": ("P7", "imports fopen: a detector has no file"),
    "threads": ("P7", "imports pthread_create: a detector has no thread or process"),
    "counts_runs": ("P8", "when the same log is played a second time in one process"),
    "pointer_order": ("P8", "in another process, where addresses"),
    "uninitialised": ("P8", "memory's old content"),
    "forgets": ("P9", "is not in what save() writes"),
    "loads_cut": ("P9", "of the 8 bytes of a state as if nothing were amiss"),
    "load_fails": ("P9", "does not load the 8 bytes that it has just saved: it returns -1, 'has lost its glasses'"),
    "save_fails": ("P9", "cannot save its state: it returns -1, 'has no pen'"),
    "saves_too_much": ("P10", "saves more than the 64 bytes of its state_bytes_max"),
    "fails": ("P11", "lost its way"),
    "bad_text": ("P11", "a text that is not UTF-8"),
    "bad_tier": ("P11", "at tier 7 of 2"),
    "bad_condition": ("P11", "on condition 9 of 2"),
    "nan": ("P13", "a number that is not finite"),
    "fast_math": ("P13", "changes the floating-point control word when it is opened"),
    "burns": ("P14", "used up the 10000 units of host work"),
    "now": ("P14", "sets timers to now without end"),
    "hangs": ("P14", "does not come back within 3 s in on_event"),
    "leaks": ("P16", "after every state was ended and every instance closed"),
    "leaks_states": ("P16", "after every state was ended and every instance closed"),
    "shares": ("P17", "when there are no other patients"),
}
if platform.machine() == "x86_64":
    BROKEN["reads_counter"] = ("P7", "reads the clock in on_event")
    BROKEN["raw_syscall"] = ("P7", "makes the system call openat in on_event")


class Check(tonus_process.Case):
    def check(self, path, *arguments):
        return run("--json", "plugin", "check", path, *arguments, timeout=280)

    def test_each_of_the_zoo_fails_with_the_sentence_of_its_rule(self):
        for name, (rule, sentence) in BROKEN.items():
            with self.subTest(name):
                done = self.check(ZOO / f"zoo_{name}.so", *(["--limit", "3"] if name == "hangs" else []))
                self.assertEqual(done.returncode, 1, done)
                said = {each["rule"]: each for each in json.loads(done.stdout)["rules"]}
                self.assertEqual(said[rule]["verdict"], "fail", done.stdout)
                self.assertIn(sentence, said[rule]["text"])

    def test_a_plain_good_detector_passes(self):
        done = self.check(ZOO / "zoo_rise.so")
        self.assertEqual(done.returncode, 0, done.stdout)
        answer = json.loads(done.stdout)
        self.assertTrue(answer["passed"])
        self.assertEqual(answer["notes"], [])
        self.assertEqual({rule["verdict"] for rule in answer["rules"]}, {"ok"})
        self.assertGreater(answer["numbers"]["alerts"], 100)

    def test_what_is_asked_wrongly_is_no_verdict(self):
        self.assertEqual(run("plugin", "check", "/no/such.so").returncode, 3)
        self.write_config(more=f"plugins:\n  - path: {ZOO}/zoo_rise.so\n    settings: {{limit_per_mi: 90}}\n")
        done = run("--config", self.config, "plugin", "check", ZOO / "zoo_rise.so")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("did you mean 'limit_per_min'?", done.stderr)
        self.assertIn("tonus.yaml:", done.stderr)

    def test_words_for_people(self):
        done = run("plugin", "check", ZOO / "zoo_forgets.so", timeout=280)
        self.assertIn("FAIL  P9 ", done.stdout)
        self.assertIn("\nfailed: 1 rule\n", done.stdout)

    def test_bench_says_what_a_call_costs(self):
        done = run("--json", "plugin", "bench", ZOO / "zoo_rise.so", "--patients", "2", "--hours", "4", timeout=280)
        self.assertEqual(done.returncode, 0, done)
        numbers = json.loads(done.stdout)
        self.assertEqual(numbers["state_bytes_most"], 8)
        for name in ("call_ns_median", "call_ns_p99", "calls_per_s", "events_per_s", "wakes_per_event"):
            self.assertGreater(numbers[name], 0, name)


if __name__ == "__main__":
    unittest.main()
