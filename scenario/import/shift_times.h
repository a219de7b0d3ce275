#pragma once

#include <cstdint>
#include <string>

namespace tonus::importing {

/// A serialized tonus.v1.Event with every absolute time in it moved by `shift_ns`: the effective
/// time, since when an order has stood, when a pump was implanted, until when an alert is snoozed.
/// A payload that is no Event comes back as it is: the core says what is wrong with it.
std::string ShiftTimes(const std::string& payload, std::int64_t shift_ns);

}  // namespace tonus::importing
