"""The detectors that come with tonus keep every rule that `plugin check` looks at."""

import pathlib
import unittest

import tonus_process
from tonus_process import TONUS, run

BUILD = pathlib.Path(TONUS).resolve().parent.parent


class Bundled(tonus_process.Case):
    def passes(self, path):
        done = run("plugin", "check", path, "--limit", "250", timeout=290)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_example_passes(self):
        self.passes(BUILD / "examples/plugins/heart_rate_rise.so")

    def test_withdrawal_passes(self):
        self.passes(BUILD / "plugins/withdrawal.so")

    def test_malfunction_passes(self):
        self.passes(BUILD / "plugins/malfunction.so")

    def test_infection_passes(self):
        self.passes(BUILD / "plugins/infection.so")

    def test_paradox_passes(self):
        self.passes(BUILD / "plugins/paradox.so")


if __name__ == "__main__":
    unittest.main()
