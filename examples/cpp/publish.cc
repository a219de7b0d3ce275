// Publishes a patient, vitals and a stalled pump, durably. Usage: example_publish [INGEST]
#include <chrono>
#include <cstdio>

#include "client/publisher.h"
#include "tonus/v1/event.pb.h"

int main(int argc, char** argv) {
  tonus::PublisherOptions options;
  options.endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:7601";
  options.producer = "example-cpp";
  auto publisher = tonus::Publisher::Open(options);
  if (!publisher || (*publisher)->GivenClock()) {
    std::fprintf(stderr, "%s\n",
                 publisher ? "a simulated ward; start one for live data: up --no-ward"
                           : publisher.error().Message().c_str());
    return 3;
  }
  tonus::v1::Event event;
  event.set_patient_id("cpp-1");
  event.set_source_id("example-cpp");
  event.set_effective_ns(std::chrono::system_clock::now().time_since_epoch() /
                         std::chrono::nanoseconds(1));
  const auto publish = [&](const char* topic) {
    const std::string payload = event.SerializeAsString();
    auto sequence = (*publisher)->Publish({.topic = topic, .payload = payload});
    if (!sequence) std::fprintf(stderr, "%s\n", sequence.error().Message().c_str());
  };
  auto* pump = event.mutable_patient()->add_implants();
  pump->set_kind("intrathecal_pump");
  pump->set_model("SynchroMed II");
  pump->set_programmed_daily_dose_ug(400);
  publish("patient.icu.cpp-1.");
  auto* temperature = event.mutable_observations()->add_items();
  temperature->mutable_code()->set_code("TEMP");
  temperature->set_quantity(38.4);
  temperature->set_unit("Cel");
  publish("vitals.icu.cpp-1.");
  event.mutable_pump_event()->set_kind("motor_stall");
  publish("pump.icu.cpp-1.");
  auto flushed = (*publisher)->Flush(10'000);
  std::printf("on disk up to %llu, refused %zu\n",
              static_cast<unsigned long long>((*publisher)->AckedSequence()),
              (*publisher)->TakeRefused().size());
  return flushed ? 0 : 3;
}
