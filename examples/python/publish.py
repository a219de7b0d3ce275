"""Publishes a patient, vitals and a stalled pump, durably. Usage: /usr/bin/python3 publish.py [INGEST-ENDPOINT]"""
import pathlib
import sys
import time

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "build/python"))
from tonus.v1 import bus_pb2, event_pb2  # made by the build from proto/

socket = zmq.Context().socket(zmq.DEALER)
socket.linger, socket.rcvtimeo = 0, 10_000
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:7601")


def ask(**request):
    socket.send(bus_pb2.IngestRequest(**request).SerializeToString())
    return bus_pb2.IngestReply.FromString(socket.recv())


welcome = ask(hello=bus_pb2.Hello(producer="example-python", version=1)).welcome
if welcome.given_clock:
    sys.exit("this broker plays a simulated ward; start one for live data: tonus up --no-ward")
now, patient = time.time_ns(), {"patient_id": "python-1", "source_id": "example-python"}
pump = event_pb2.Implant(kind="intrathecal_pump", model="SynchroMed II", programmed_daily_dose_ug=400)
events = [("patient", {"patient": event_pb2.PatientSnapshot(age_years=44, implants=[pump])}),
          ("pump", {"pump_event": event_pb2.PumpEvent(kind="motor_stall")})]
for code, value, unit in (("HR", 118, "/min"), ("TEMP", 38.4, "Cel"), ("SPO2", 97, "%")):
    item = event_pb2.Observation(code={"system": "local", "code": code}, quantity=value, unit=unit)
    events.insert(1, ("vitals", {"observations": event_pb2.Observations(items=[item])}))
batch = bus_pb2.Batch(first_sequence=welcome.last_sequence + 1, epoch=welcome.epoch)
for kind, body in events:
    event = event_pb2.Event(effective_ns=now, **patient, **body)
    batch.records.add(topic=f"{kind}.icu.python-1.".encode(), payload=event.SerializeToString())
ack = ask(batch=batch).ack
print(f"on disk up to {ack.last_sequence}, refused {len(ack.refused)}")
