"""tidy.py finds each thing that it looks for, and nothing in clean text."""

import unittest

import tidy


class Tidy(unittest.TestCase):
    def findings(self, name, text):
        return [what for _, what in tidy.check_text(name, text)]

    def test_clean_text_has_no_findings(self):
        self.assertEqual(self.findings("core/a.cc", '#include "core/a.h"\n#include "base/text.h"\n'), [])

    def test_upward_includes_are_found(self):
        self.assertEqual(len(self.findings("broker/a.cc", '#include "core/engine.h"\n')), 1)
        self.assertEqual(len(self.findings("plugins/x/a.cc", '#include "core/engine.h"\n')), 1)

    def test_clocks_in_the_core_are_found(self):
        self.assertEqual(len(self.findings("core/a.cc", "auto t = std::chrono::system_clock::now();\n")), 1)
        self.assertEqual(self.findings("broker/a.cc", "auto t = std::chrono::system_clock::now();\n"), [])

    def test_a_comment_may_name_what_is_banned(self):
        self.assertEqual(self.findings("core/a.cc", "// never std::hash\n"), [])

    def test_sleeping_in_tests_is_found(self):
        self.assertEqual(len(self.findings("tests/unit/a.cc", "std::this_thread::sleep_for(1s);\n")), 1)

    def test_long_files_and_stray_todos_are_found(self):
        self.assertEqual(len(self.findings("core/a.cc", "int x;\n" * 601)), 1)
        self.assertEqual(len(self.findings("core/a.cc", "// TODO tidy up\n")), 1)
        self.assertEqual(self.findings("core/a.cc", "// TODO(#12): tidy up\n"), [])


if __name__ == "__main__":
    unittest.main()
