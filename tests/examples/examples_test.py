"""Runs an example publisher and an example subscriber against the real broker and core: LANGUAGE is the argument.

The publisher's batch is acknowledged, and the alert about its patient reaches the subscriber. Exit code 77: skipped,
because npm's registry cannot be reached.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import tonus_process
from tonus_process import SOURCE

BINARIES = pathlib.Path(os.environ["TONUS"]).parent
LANGUAGE = os.environ["TONUS_EXAMPLE"]
COMMANDS = {
    "python": lambda name: ["/usr/bin/python3", SOURCE / f"examples/python/{name}.py"],
    "javascript": lambda name: ["node", SOURCE / f"examples/javascript/{name}.js"],
    "cpp": lambda name: [BINARIES / f"example_{name}"],
}


def install_node_modules():
    """Why JavaScript cannot run here; nothing where it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node or no npm"
    folder = SOURCE / "examples/javascript"
    if (folder / "node_modules/zeromq").exists():
        return None
    done = subprocess.run(["npm", "ci", "--loglevel=error", "--no-audit", "--no-fund"], cwd=folder, text=True,
                          capture_output=True, timeout=240)
    if done.returncode == 0:
        return None
    network = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "CERT", "network")
    if any(word in done.stderr for word in network):
        return "npm's registry cannot be reached"
    raise AssertionError(done.stderr)


class Example(tonus_process.Case):
    def command(self, name, *arguments):
        env = {**os.environ, "PYTHONPATH": str(BINARIES.parent / "python")}
        return subprocess.Popen([*map(str, COMMANDS[LANGUAGE](name)), *map(str, arguments)], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill(self, process):
        process.kill()
        process.wait()
        process.stdout.close()

    def test_a_published_stall_reaches_the_subscriber_as_an_alert(self):
        self.part("broker").wait_for("listening")
        self.part("core").wait_for("caught up")
        subscriber = self.command("subscribe", f"ipc://{self.folder}/live")
        self.addCleanup(self.kill, subscriber)
        lines = []
        watching = threading.Event()
        seen = threading.Event()

        def read():
            for line in subscriber.stdout:
                lines.append(line)
                if line.startswith("watching"):
                    watching.set()
                if f"{LANGUAGE}-1" in line and "malfunction" in line:
                    seen.set()

        threading.Thread(target=read, daemon=True).start()
        # What is said before the subscription has reached the broker is lost to it: that is SUB.
        self.assertTrue(watching.wait(60), "".join(lines))
        publisher = self.command("publish", f"ipc://{self.folder}/ingest")
        try:
            output, _ = publisher.communicate(timeout=60)
        finally:
            publisher.kill()
        self.assertEqual(publisher.returncode, 0, output)
        self.assertRegex(output, r"on disk up to \d+, refused 0")
        seen.wait(60)
        self.assertTrue(seen.is_set(), "".join(lines))
        alert = next(line for line in lines if "malfunction" in line)
        self.assertRegex(alert, rf"^PRIORITY_(HIGH|MEDIUM) icu {LANGUAGE}-1 malfunction \S+")
        dead = self.run_tonus("dead", self.folder / "data/live/log")
        self.assertIn("0 records were rejected", dead.stderr)

    def test_a_simulated_ward_is_refused_with_what_to_do(self):
        self.part("broker", "--given").wait_for("listening")
        publisher = self.command("publish", f"ipc://{self.folder}/ingest")
        self.addCleanup(self.kill, publisher)
        output, _ = publisher.communicate(timeout=60)
        self.assertNotEqual(publisher.returncode, 0)
        self.assertIn("up --no-ward", output)

    def test_the_subscriber_says_that_it_is_blind_when_the_core_is_gone(self):
        self.part("broker").wait_for("listening")
        core = self.part("core")
        core.wait_for("caught up")
        subscriber = self.command("subscribe", f"ipc://{self.folder}/live")
        self.addCleanup(self.kill, subscriber)
        watching = False
        for line in subscriber.stdout:
            if line.startswith("watching"):
                watching = True
                core.end()
            if watching and "BLIND" in line:
                return
        self.fail("the subscriber ended")


if __name__ == "__main__":
    if LANGUAGE == "javascript":
        reason = install_node_modules()
        if reason:
            print("skipped: " + reason)
            sys.exit(77)
    tonus_process.main()
