#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tonus::v1 {
class Event;
}

namespace tonus::core {

/// Which form the value of an observation has.
enum class ValueForm : std::uint8_t { kNone, kQuantity, kText, kFlag };

/// One observation as sent; views into the payload, or into the message that it was parsed into.
struct ObservedItem {
  std::string_view system;
  std::string_view code;
  ValueForm form = ValueForm::kNone;
  bool flag = false;
  int quality = 0;  ///< v1::Quality; may be a number that it does not know.
  double quantity = 0;
  std::string_view text;  ///< Of a coded answer: its code.
  std::string_view unit;
  std::string_view site;
  std::string_view comparator;
  std::int64_t offset_ns = 0;
};

/// An event of observations as sent.
struct ObservedEvent {
  std::string_view patient;
  std::string_view source;
  std::uint64_t source_sequence = 0;
  std::int64_t effective_ns = 0;
  std::vector<ObservedItem> items;
};

/// Reads an Event of observations straight from its bytes, without copies. False: the payload has
/// something that is not plain (another body, unknown fields, repeated messages, text beyond ASCII,
/// damage), and protobuf must judge it. Where it returns true, protobuf would have read the same.
bool ReadPlainEvent(std::string_view payload, ObservedEvent* out);

/// The same from a parsed message whose body is observations; views live as long as it.
void ReadParsedEvent(const v1::Event& event, ObservedEvent* out);

}  // namespace tonus::core
