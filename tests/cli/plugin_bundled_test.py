"""The detectors that come with tonus keep every rule that `plugin check` looks at."""

import pathlib
import unittest

import tonus_process
from tonus_process import TONUS, run

BUILD = pathlib.Path(TONUS).resolve().parent.parent


class Bundled(tonus_process.Case):
    """One test for each file that lies in the plugins folder of the build."""


def case(path):
    def passes(self):
        done = run("plugin", "check", path, "--limit", "250", timeout=290)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return passes


for plugin in [BUILD / "examples/plugins/heart_rate_rise.so", *sorted(BUILD.glob("plugins/*.so"))]:
    setattr(Bundled, f"test_{plugin.stem}_passes", case(plugin))


if __name__ == "__main__":
    unittest.main()
