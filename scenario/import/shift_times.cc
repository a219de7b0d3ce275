#include "scenario/import/shift_times.h"

#include "tonus/v1/event.pb.h"

namespace tonus::importing {

std::string ShiftTimes(const std::string& payload, std::int64_t shift_ns) {
  v1::Event event;
  if (!event.ParseFromString(payload)) return payload;
  event.set_effective_ns(event.effective_ns() + shift_ns);
  if (event.has_order() && event.order().has_since_ns()) {
    event.mutable_order()->set_since_ns(event.order().since_ns() + shift_ns);
  }
  if (event.has_pump_status() && event.pump_status().has_implanted_ns()) {
    event.mutable_pump_status()->set_implanted_ns(event.pump_status().implanted_ns() + shift_ns);
  }
  if (event.has_action() && event.action().has_until_ns()) {
    event.mutable_action()->set_until_ns(event.action().until_ns() + shift_ns);
  }
  if (event.has_patient()) {
    for (auto& implant : *event.mutable_patient()->mutable_implants()) {
      if (implant.has_implanted_ns()) implant.set_implanted_ns(implant.implanted_ns() + shift_ns);
    }
  }
  return event.SerializeAsString();
}

}  // namespace tonus::importing
