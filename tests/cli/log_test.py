"""A log folder is shown, checked, and refused in words where it is not what was written."""

import json

import tonus_process


class LogFolder(tonus_process.Case):
    def make(self, count=300):
        lines = self.folder / "events.jsonl"
        lines.write_text(tonus_process.event_lines(count))
        done = self.run_tonus("import", "jsonl", lines, "--out", self.folder / "log")
        self.assertEqual(done.returncode, 0, done)
        return self.folder / "log"

    def test_stat_counts_what_was_imported(self):
        answer = json.loads(self.run_tonus("--json", "log", "stat", self.make(30)).stdout)
        self.assertEqual((answer["clock"], answer["last_offset"], answer["kinds"]), ("given", 30, {"vitals": 30}))

    def test_verify_says_that_a_good_log_is_good(self):
        done = self.run_tonus("log", "verify", self.make())
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("300 records, every checksum right", done.stdout)

    def test_verify_names_the_place_of_a_changed_byte(self):
        folder = self.make()
        file = next(folder.glob("*.db"))
        content = bytearray(file.read_bytes())
        at = content.rindex(b"monitor")
        content[at] ^= 1
        file.write_bytes(content)
        done = self.run_tonus("log", "verify", folder)
        self.assertEqual(done.returncode, 3, done)
        self.assertRegex(done.stderr, r"tonus: .*log.*(offset|record) ?\d+")

    def test_a_file_that_is_no_log_is_refused_in_words(self):
        folder = self.make()
        file = next(folder.glob("*.db"))
        file.write_bytes(b"this was a log once" * 500)
        for arguments in (["log", "stat"], ["log", "verify"], ["dead"]):
            done = self.run_tonus(*arguments, folder)
            self.assertEqual(done.returncode, 3, done)
            self.assertIn(str(folder), done.stderr)

    def test_a_folder_without_a_log_is_refused_in_words(self):
        for arguments in (["log", "stat"], ["dead"]):
            done = self.run_tonus(*arguments, self.folder / "nothing")
            self.assertEqual(done.returncode, 3, done)
            self.assertIn("nothing", done.stderr)


if __name__ == "__main__":
    tonus_process.main()
