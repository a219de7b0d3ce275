"""A wrong tonus.yaml is refused with line, column and the nearest valid name; the shipped one is good."""

import os
import shutil

import tonus_process
from tonus_process import SOURCE, run

FILES = f"core: {{signals: {SOURCE}/config/signals.yaml, drugs: {SOURCE}/config/drugs.yaml}}\n"


class Config(tonus_process.Case):
    def check(self, text):
        self.config.write_text(text)
        return run("config", "check", self.config)

    def refused(self, text, place, *words):
        done = self.check(text)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(f"tonus.yaml:{place}: ", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_the_shipped_file_is_good(self):
        done = run("config", "check", SOURCE / "config/tonus.yaml")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_an_empty_file_means_the_defaults(self):
        for name in ("signals.yaml", "drugs.yaml"):
            shutil.copy(SOURCE / "config" / name, self.folder)
        done = self.check("")
        self.assertEqual(done.returncode, 0, done)

    def test_what_the_file_names_must_be_there(self):
        done = self.check(FILES.replace("drugs.yaml", "drugz.yaml"))
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("drugz.yaml", done.stderr)
        done = self.check(FILES + "plugins:\n  - path: /absent/x.so\n")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("/absent/x.so: there is no such file; check the path under `plugins`", done.stderr)
        (self.folder / "text.so").write_text("this is no shared object")
        done = self.check(FILES + "plugins:\n  - path: ./text.so\n")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("text.so: is not an ELF file", done.stderr)

    def test_two_sockets_at_one_place_are_refused(self):
        self.refused("broker: {ingest: 'tcp://127.0.0.1:9001', intake: 'tcp://127.0.0.1:9001'}\n", "1:50",
                     "broker.ingest listens already")
        self.refused("broker: {ingest: 'tcp://127.0.0.1:7612'}\n", "1:18", "core.http listens already")
        self.assertEqual(self.check(FILES + "broker: {ingest: 'tcp://127.0.0.1:*', live: 'tcp://127.0.0.1:*'}\n")
                         .returncode, 0)

    def test_a_misspelt_key_names_the_nearest(self):
        self.refused("broker:\n  ingets: tcp://127.0.0.1:1\n", "2:3", "ingets", "did you mean 'ingest'?")
        self.refused("brokr: {}\n", "1:1", "did you mean 'broker'?")
        self.refused("broker: {limits: {batch_record: 3}}\n", "1:19", "did you mean 'batch_records'?")

    def test_a_wrong_type_is_refused_where_it_stands(self):
        self.refused("core:\n  shards: many\n", "2:11", "shards", "many")
        self.refused("core:\n  shards: [1]\n", "2:11", "shards")
        self.refused("core: 3\n", "1:7", "must hold keys")
        self.refused("plugins: withdrawal\n", "1:10", "must be a list")

    def test_a_value_out_of_range_says_what_is_allowed(self):
        self.refused("core:\n  shards: 0\n", "2:11", "it may be 1 to 256")
        self.refused("core:\n  batch: -4\n", "2:10", "it may be 1 to 65536")
        self.refused("broker: {tick: 1h}\n", "1:16", "out of range")
        self.refused("ward: {speed: 0}\n", "1:15", "above 0")

    def test_an_endpoint_that_is_none_is_refused(self):
        self.refused("broker: {live: 127.0.0.1:7603}\n", "1:16", "no endpoint", "tcp://")
        self.refused("broker: {live: 'tcp://127.0.0.1:99999'}\n", "1:16", "no endpoint")
        self.refused("core: {http: nowhere}\n", "1:14", "no address", "off")

    def test_a_plugin_entry_needs_a_path(self):
        self.refused("plugins:\n  - settings: {a: 1}\n", "2:5", "path")
        self.refused("plugins:\n  - {path: x.so, setings: {}}\n", "2:18", "did you mean 'settings'?")

    def test_a_duplicate_key_is_refused(self):
        self.refused("core: {shards: 1}\ncore: {shards: 2}\n", "2:1", "core")

    def test_an_exposed_endpoint_is_warned_about(self):
        done = self.check(FILES + "broker: {live: 'tcp://0.0.0.0:7603'}\n")
        self.assertEqual(done.returncode, 0)
        self.assertIn("can be reached from other machines", done.stdout)

    def test_a_file_that_is_not_there_is_exit_3(self):
        done = run("config", "check", self.folder / "absent.yaml")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("absent.yaml", done.stderr)

    def test_the_environment_names_the_file_and_the_option_goes_first(self):
        self.config.write_text("core: {shards: 0}\n")
        env = {**os.environ, "TONUS_CONFIG": str(self.config)}
        self.assertEqual(run("config", "check", env=env).returncode, 2)
        self.assertEqual(run("--config", SOURCE / "config/tonus.yaml", "config", "check", env=env).returncode, 0)


if __name__ == "__main__":
    tonus_process.main()
