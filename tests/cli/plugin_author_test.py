"""An author's hour, without the tree: the installed package, `plugin new`, build, tests."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import tonus_process
from tonus_process import SOURCE, TONUS, run

BUILD = pathlib.Path(TONUS).resolve().parent.parent


def shell(command, cwd, env=None, timeout=280):
    """Runs a command line; its output, or a failure that shows it."""
    done = subprocess.run(command, shell=True, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Author(tonus_process.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.prefix = cls.root / "prefix"
        shell(f"cmake --install {BUILD} --prefix {cls.prefix}", cls.root)
        # Nothing of the tree or of the machine's own installation is seen.
        cls.env = {"PATH": f"{cls.prefix}/bin:/usr/bin:/bin", "HOME": cls.folder.name, "LANG": "C.UTF-8",
                   "CMAKE_PREFIX_PATH": str(cls.prefix), "PKG_CONFIG_PATH": f"{cls.prefix}/share/pkgconfig"}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def sh(self, command, cwd=None):
        return shell(command, cwd or self.root, self.env)

    def test_what_new_writes_builds_and_passes_its_own_tests(self):
        self.sh("tonus plugin new quick_pulse")
        folder = self.root / "quick_pulse"
        self.assertLess(len((folder / "detector.cc").read_text().splitlines()), 41)
        self.assertTrue((folder / ".gitignore").exists())
        for file in folder.iterdir():
            self.assertNotRegex(file.read_text(), r"__[A-Z]+__|" + str(SOURCE), file)
        self.sh("cmake -B build && cmake --build build", folder)
        tests = self.sh("ctest --test-dir build --output-on-failure", folder)
        self.assertIn("100% tests passed, 0 tests failed out of 3", tests)
        doc = self.sh("tonus plugin doc build/plugins/quick_pulse.so", folder)
        self.assertIn("| `rise_percent` | number | % | 30 | 5 to 200 | Rise over the own normal", doc)
        listed = self.sh("tonus --config tonus.yaml plugin list", folder)
        self.assertIn("quick_pulse", listed)
        self.assertNotIn("withdrawal", listed)

    def test_the_guides_commands_work_as_they_stand(self):
        guide = (SOURCE / "docs/writing-a-detector.md").read_text()
        template = (SOURCE / "sdk/template/detector.cc").read_text()
        shown = template.replace("__CLASS__", "HeartRateRise").replace("__NAME__", "heart_rate_rise")
        self.assertIn(f"```cpp\n{shown}```", guide)
        script = "\n".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL))
        self.assertEqual(script.count("cmake --install build"), 1)
        script = script.replace("cmake --install build", f"cmake --install {BUILD}")
        # Sockets of its own in place of the machine's ports.
        broker = "".join(f"  {name}: ipc://{self.folder}/{name}\\n" for name in ("ingest", "intake", "live", "replay"))
        script = script.replace("cmake -B build\n", f"printf 'broker:\\n{broker}  http: off\\n' >> tonus.yaml\n"
                                                    "sed -i 's/^core:/core:\\n  http: off/' tonus.yaml\ncmake -B build\n")
        folder = self.root / "hour"
        folder.mkdir()
        env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
        done = subprocess.run(["bash", "-euxo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True,
                              text=True, timeout=280, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("100% tests passed", done.stdout)
        self.assertEqual(done.stdout.count("\npassed\n"), 2, done.stdout)
        mine = folder / "heart_rate_rise"
        self.assertIn("`rise_percent`", (mine / "SETTINGS.md").read_text())
        self.assertIn("heart_rate_rise", (mine / "alerts.jsonl").read_text())

    def test_pkg_config_gives_what_a_plugin_in_plain_c_needs(self):
        source = SOURCE / "tests/plugins/rise.c"
        self.sh(f"gcc -std=c11 -O2 -fPIC -shared -fvisibility=hidden -ffp-contract=off $(pkg-config --cflags tonus)"
                f" -Wl,--version-script=$(pkg-config --variable=versionscript tonus) {source} -o rise.so")
        self.assertIn("# rise 1.0.0", self.sh("tonus plugin doc rise.so"))

    def test_the_installed_program_runs_its_detectors(self):
        self.assertIn("org.tonus.withdrawal", self.sh("tonus plugin list"))

    def test_the_licence_of_every_header_is_permissive(self):
        for header in (self.prefix / "include/tonus").iterdir():
            self.assertIn("SPDX-License-Identifier: Apache-2.0", header.read_text()[:200], header)


class New(tonus_process.Case):
    def test_a_bad_name_is_refused_in_words(self):
        for name in ("HeartRate", "9lives", "a b", "a__b", "a_", "x" * 41):
            done = run("plugin", "new", name, cwd="/tmp")
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(f"'{name}' is no name of a detector", done.stderr)
            self.assertFalse(os.path.exists(f"/tmp/{name}"))

    def test_a_folder_that_holds_something_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "mine").write_text("x")
            done = run("plugin", "new", "quick_pulse", "--dir", folder)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("is there already and is not empty", done.stderr)
            self.assertEqual(os.listdir(folder), ["mine"])

    def test_doc_of_what_is_no_plugin_says_so(self):
        self.assertEqual(run("plugin", "doc", "/no/such.so").returncode, 3)
        done = run("plugin", "doc", SOURCE / "README.md")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("is not an ELF file", done.stderr)


if __name__ == "__main__":
    unittest.main()
