"""Bad usage gets exit code 2 and a sentence that names what was meant."""

import subprocess

import tonus_process
from tonus_process import SOURCE, run


class Usage(tonus_process.Case):
    def refused(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("tonus: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_unknown_subcommand_names_the_nearest(self):
        self.assertIn("did you mean 'config'?", self.refused("confg"))

    def test_unknown_subcommand_of_a_subcommand_names_the_nearest(self):
        self.assertIn("did you mean 'check'?", self.refused("config", "chekc"))

    def test_unknown_option_names_the_nearest(self):
        self.assertIn("did you mean '--json'?", self.refused("config", "check", "--jsno"))

    def test_word_that_is_near_nothing_points_to_help(self):
        text = self.refused("xyzzy-plugh")
        self.assertIn("'xyzzy-plugh'", text)
        self.assertIn("tonus --help", text)

    def test_no_subcommand_points_to_help(self):
        self.assertIn("needs a subcommand", self.refused())
        self.assertIn("tonus config --help", self.refused("config"))

    def test_one_argument_too_many_is_named(self):
        self.assertIn("'b' is one argument too many", self.refused("config", "check", "a", "b"))

    def test_a_number_or_time_that_is_none_is_named_with_its_option(self):
        self.assertEqual(self.refused("dead", "--limit", "0"),
                         "tonus: --limit is '0'; it must be a positive number; see `tonus dead --help`\n")
        for speed in ("0", "-1", "nan", "1e7", "fast"):
            self.assertIn(f"--speed: '{speed}' is no speed", self.refused("up", f"--speed={speed}"))
        self.assertIn("not in range 1 to 10000", self.refused("simulate", "--patients", "4000000000"))
        for arguments in (["tail", "--for", "xx"], ["simulate", "--for", "0s"], ["up", "--for=-3s"]):
            self.assertIn("--for: '", self.refused(*arguments))
        self.assertIn("--since: 'yesterday'", self.refused("tail", "--since", "yesterday"))

    def test_an_answer_that_cannot_be_written_is_exit_3(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([tonus_process.TONUS, "config", "check", SOURCE / "config/tonus.yaml"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("standard output: cannot be written: No space left", done.stderr)

    def test_help_of_a_subcommand_names_the_options_of_all(self):
        for arguments in (["broker"], ["scenario", "run"]):
            self.assertIn("--config FILE", run(*arguments, "--help").stdout)

    def test_help_and_version_are_answers(self):
        for arguments, text in ((["--help"], "Subcommands:"), (["config", "check", "--help"], "FILE"),
                                (["--version"], "tonus ")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 0)
            self.assertIn(text, done.stdout)


if __name__ == "__main__":
    tonus_process.main()
