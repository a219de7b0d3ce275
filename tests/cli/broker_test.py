"""The broker process: what it says when it cannot run, that it stops cleanly, and what it tells of itself."""

import json
import pathlib
import signal
import socket
import time
import urllib.error
import urllib.request

import tonus_process
import zmq


class Broker(tonus_process.Case):
    def start(self, *arguments):
        broker = self.part("broker", *arguments)
        return broker, json.loads(broker.wait_for('"listening"'))

    def test_a_port_in_use_is_named_with_what_to_do(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.write_config(broker={"ingest": f"tcp://127.0.0.1:{port}"})
            done = self.run_tonus("broker")
            self.assertEqual(done.returncode, 3, done)
            self.assertIn(f"tcp://127.0.0.1:{port}", done.stderr)
            self.assertIn("in use", done.stderr)
            self.write_config(broker={"http": f"127.0.0.1:{port}"})
            done = self.run_tonus("broker")
            self.assertEqual(done.returncode, 3, done)
            self.assertIn(f"http://127.0.0.1:{port}", done.stderr)

    def test_a_socket_path_in_use_is_not_taken_away(self):
        first, _ = self.start()
        done = self.run_tonus("broker", "--log", self.folder / "other")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(f"ipc://{self.folder}/ingest: in use", done.stderr)
        self.assertEqual(first.end(), 0)

    def test_a_wrong_configuration_is_exit_2(self):
        self.config.write_text("broker: {lve: x}\n")
        done = self.run_tonus("broker")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'live'?", done.stderr)

    def test_a_second_writer_of_one_log_is_refused(self):
        self.start()
        second = self.folder / "second.yaml"
        second.write_text(self.config.read_text().replace(str(self.folder), f"{self.folder}/2"))
        (self.folder / "2").mkdir()
        done = tonus_process.run("--config", second, "--data", self.folder / "data", "broker")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("data/live/log", done.stderr)

    def test_a_data_folder_that_cannot_be_is_exit_3(self):
        (self.folder / "data").write_text("a file")
        done = self.run_tonus("broker")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("data", done.stderr)

    def test_it_stops_cleanly_on_each_signal_and_goes_on_afterwards(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            broker, _ = self.start()
            self.assertEqual(broker.end(how), 0, broker.output())
            self.assertIn("stopped", broker.output())
        self.assertEqual(self.run_tonus("log", "verify").returncode, 0)

    def test_health_and_metrics_hold_no_patient(self):
        self.write_config(broker={"http": "127.0.0.1:0"})
        _, listening = self.start("--given")
        lines = self.folder / "events.jsonl"
        lines.write_text(tonus_process.event_lines(50, patient="secret-name"))
        done = self.run_tonus("publish", lines)
        self.assertEqual(done.returncode, 0, done)
        with urllib.request.urlopen(listening["http"] + "/healthz", timeout=10) as answer:
            self.assertEqual((answer.status, answer.read()), (200, b"ok\n"))
        with urllib.request.urlopen(listening["http"] + "/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        self.assertIn("\ntonus_broker_records_total 50", metrics)
        self.assertIn("# TYPE tonus_broker_records_total counter", metrics)
        self.assertNotIn("secret-name", metrics)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(listening["http"] + "/nothing", timeout=10)

    def test_neither_a_large_body_nor_idle_connections_hurt_the_status_port(self):
        self.write_config(broker={"http": "127.0.0.1:0"})
        broker, listening = self.start()
        host, port = listening["http"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as sender:
            sender.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
            try:
                for _ in range(128):
                    sender.sendall(bytes(1 << 20))
            except OSError:
                pass  # It hangs up, as it should.
        status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
        peak_kib = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        self.assertLess(peak_kib, 100 << 10)
        idle = [socket.create_connection((host, int(port))) for _ in range(12)]
        begin = time.monotonic()
        with urllib.request.urlopen(listening["http"] + "/healthz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        self.assertLess(time.monotonic() - begin, 4)
        for connection in idle:
            connection.close()

    def test_a_disk_that_is_nearly_full_is_said_by_everybody(self):
        self.write_config(broker={"http": "127.0.0.1:0", "limits": "{free_bytes: 1099511627776}"})
        broker, listening = self.start()
        broker.wait_for("the disk is nearly full: new input is refused")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(listening["http"] + "/healthz", timeout=10)
        self.assertEqual(refused.exception.code, 503)
        self.assertIn(b"disk low", refused.exception.read())
        tail = self.run_tonus("tail", "--count", "1", "tick.")  # Ticks and reading go on.
        self.assertEqual(tail.returncode, 0, tail)

    def test_a_topic_of_rubbish_is_shown_in_a_line_that_a_terminal_can_bear(self):
        self.start()
        device = zmq.Context.instance().socket(zmq.XPUB)
        self.addCleanup(device.close, 0)
        device.connect(f"ipc://{self.folder}/intake")
        self.assertTrue(device.poll(30_000))  # The broker has subscribed.
        device.send_multipart([bytes(range(256)) + "\u202e\u009b31m".encode(), b"x"])
        line = self.part("tail", "dead.", "--since", "2024-01-01T00:00:00Z").wait_for("bad_topic")
        self.assertIn("the topic", line)
        self.assertTrue(all(letter.isprintable() for letter in line), line)
        self.assertLess(len(line), 400)
        self.assertEqual(tonus_process.run(*self.common(), "dead").returncode, 0)

    def test_the_log_of_the_process_names_no_patient(self):
        broker, _ = self.start("--given")
        lines = self.folder / "events.jsonl"
        lines.write_text(tonus_process.event_lines(5, patient="secret-name"))
        self.assertEqual(self.run_tonus("publish", lines).returncode, 0)
        broker.end()
        self.assertNotIn("secret-name", broker.output())
        for line in broker.lines:
            if line is not None:
                self.assertEqual(json.loads(line)["process"], "broker")


if __name__ == "__main__":
    tonus_process.main()
