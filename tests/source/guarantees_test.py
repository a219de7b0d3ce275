"""Every test that docs/guarantees.md names exists, and every row of its tables names one."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASE = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP)\(\s*(\w+),\s*(\w+)", re.M)
PROGRAM = re.compile(r"add_test\(NAME\s+([\w.]+)")
NAMED = re.compile(r"`([A-Z]\w*\.[A-Z]\w+)`")


def existing():
    names = set()
    for path in (ROOT / "tests").rglob("*.cc"):
        names.update(f"{suite}.{case}" for suite, case in CASE.findall(path.read_text(encoding="utf-8")))
    for path in (ROOT / "tests").rglob("CMakeLists.txt"):
        names.update(PROGRAM.findall(path.read_text(encoding="utf-8")))
    return names


class Guarantees(unittest.TestCase):
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")

    def test_every_test_that_is_named_exists(self):
        missing = sorted(set(NAMED.findall(self.text)) - existing())
        self.assertEqual(missing, [])

    def test_every_promise_names_a_test_that_exists(self):
        names = existing()
        promises = [line for line in self.text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
        self.assertGreater(len(promises), 20)
        for line in promises:
            shown_by = re.findall(r"`([\w.]+)`", line.strip().rstrip("|").rsplit("|", 1)[1])
            self.assertTrue(shown_by and set(shown_by) <= names, line)


if __name__ == "__main__":
    unittest.main()
