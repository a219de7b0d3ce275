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
        self.assertIn("300 records in 1 files, every checksum right", done.stdout)

    def test_verify_names_the_place_of_a_changed_byte(self):
        folder = self.make()
        file = next(folder.glob("*.db"))
        content = bytearray(file.read_bytes())
        at = content.rindex(b"monitor")
        content[at] ^= 1
        file.write_bytes(content)
        done = self.run_tonus("log", "verify", folder)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"tonus: .*log: offset \d+: .*checksum")
        answer = json.loads(self.run_tonus("--json", "log", "verify", folder).stdout)
        self.assertEqual((answer["good"], answer["records"], answer["fault_count"]), (False, 299, 1))
        saved = self.run_tonus("log", "export", "--skip-damaged", folder)
        self.assertEqual((saved.returncode, len(saved.stdout.splitlines())), (1, 299))

    def test_what_is_exported_can_be_imported_again(self):
        folder = self.make(30)
        exported = self.run_tonus("log", "export", folder, "--from", "11", "--to", "20", "--out", self.folder / "part.jsonl")
        self.assertEqual(exported.returncode, 0, exported)
        done = self.run_tonus("import", "jsonl", self.folder / "part.jsonl", "--out", self.folder / "again")
        self.assertEqual(done.returncode, 0, done)
        answer = json.loads(self.run_tonus("--json", "log", "stat", self.folder / "again").stdout)
        self.assertEqual(answer["last_offset"], 10)

    def test_truncate_never_removes_the_newest_file(self):
        folder = self.make(30)
        done = self.run_tonus("--json", "log", "truncate", folder, "--before", "31")
        self.assertEqual(done.returncode, 0, done)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["removed_files"], answer["first_offset"]), (0, 1))
        self.assertEqual(self.run_tonus("log", "truncate", folder).returncode, 2)
        self.assertEqual(self.run_tonus("log", "truncate", folder, "--before", "never").returncode, 2)

    def test_a_missing_head_is_told(self):
        folder = self.make(30)
        (folder / "head").unlink()
        done = self.run_tonus("log", "verify", folder)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("head is missing", done.stderr)

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
