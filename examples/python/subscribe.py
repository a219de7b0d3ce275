"""Prints alerts as they come. Usage: /usr/bin/python3 subscribe.py [LIVE-ENDPOINT] [TOPIC-PREFIX…]"""
import pathlib
import sys
import time

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "build/python"))
from tonus.v1 import alert_pb2  # made by the build from proto/

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:7603"
socket = zmq.Context().socket(zmq.SUB)
# The broker writes a tick each second and the core answers it: without both, silence means nothing.
for prefix in [*(sys.argv[2:] or ["alert."]), "tick.", "progress."]:
    socket.subscribe(prefix)
socket.connect(endpoint)

seen = {b"tick.": float("-inf"), b"progress.": float("-inf")}
blind = None
while True:
    if socket.poll(1000):
        topic, payload, meta = socket.recv_multipart()
        if topic in seen:
            seen[topic] = time.monotonic()
        else:
            alert = alert_pb2.Alert.FromString(payload)
            print(alert_pb2.Priority.Name(alert.priority), alert.unit, alert.patient_id, alert.condition,
                  alert.headline, flush=True)
    was, silent = blind, {topic for topic, at in seen.items() if time.monotonic() - at > 5}
    blind = ("BLIND: the broker or the link is down" if b"tick." in silent else
             "BLIND: the core is down or late" if silent else "watching")
    if was != blind:
        print(blind, flush=True)
