#include "core/normalise/observed.h"

#include <cstring>

#include "tonus/v1/event.pb.h"

// Monitors send the same plain shape every second, and building a message object for it costs more
// than everything that follows. So that shape alone is read by hand; field numbers and wire types
// are those of proto/tonus/v1/event.proto, tags are (number << 3) | type in one byte. Whatever else
// comes is left to protobuf, which keeps one judge of what is malformed: tests/unit compares the
// two on random and mutated bytes.

namespace tonus::core {
namespace {

constexpr std::uint8_t Tag(unsigned number, unsigned type) {
  return static_cast<std::uint8_t>((number << 3U) | type);
}
constexpr unsigned kVarint = 0;
constexpr unsigned kFixed64 = 1;
constexpr unsigned kBytes = 2;

/// Takes wire values off the front of a text. Each returns false where protobuf must look.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool Done() const { return at_ == end_; }
  /// Not called when Done.
  std::uint8_t TakeTag() { return *at_++; }

  bool TakeVarint(std::uint64_t* out) {
    if (at_ != end_ && *at_ < 0x80) {
      *out = *at_++;
      return true;
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (at_ == end_) return false;
      const std::uint64_t byte = *at_++;
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80) {
        *out = value;
        return true;
      }
    }
    if (at_ == end_ || *at_ > 1) return false;
    *out = value | (static_cast<std::uint64_t>(*at_++) << 63U);
    return true;
  }

  template <class T>
  bool TakeFixed64(T* out) {
    static_assert(sizeof(T) == 8);
    if (end_ - at_ < 8) return false;
    std::memcpy(out, at_, 8);
    at_ += 8;
    return true;
  }

  bool TakeBytes(std::string_view* out) {
    std::uint64_t length = 0;
    if (!TakeVarint(&length) || length > static_cast<std::uint64_t>(end_ - at_)) return false;
    *out = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(length)};
    at_ += length;
    return true;
  }

  /// ASCII is valid UTF-8; whether anything else is, protobuf knows.
  bool TakeText(std::string_view* out) {
    if (!TakeBytes(out)) return false;
    unsigned char all = 0;
    for (const char c : *out) all = static_cast<unsigned char>(all | static_cast<unsigned char>(c));
    return all < 0x80;
  }

 private:
  const unsigned char* at_;
  const unsigned char* end_;
};

bool ReadCoding(std::string_view bytes, ObservedItem* item) {
  std::string_view display;
  for (Cursor cursor(bytes); !cursor.Done();) {
    bool good = false;
    switch (cursor.TakeTag()) {
      case Tag(1, kBytes):
        good = cursor.TakeText(&item->system);
        break;
      case Tag(2, kBytes):
        good = cursor.TakeText(&item->code);
        break;
      case Tag(3, kBytes):
        good = cursor.TakeText(&display);
        break;
      default:
        break;
    }
    if (!good) return false;
  }
  return true;
}

bool ReadItem(std::string_view bytes, ObservedItem* item) {
  std::string_view message;
  std::uint64_t number = 0;
  bool has_code = false;
  for (Cursor cursor(bytes); !cursor.Done();) {
    bool good = false;
    switch (cursor.TakeTag()) {
      case Tag(1, kBytes):
        // A second one would have to be merged into the first.
        good = !has_code && cursor.TakeBytes(&message) && ReadCoding(message, item);
        has_code = true;
        break;
      case Tag(2, kFixed64):
        good = cursor.TakeFixed64(&item->quantity);
        item->form = ValueForm::kQuantity;
        break;
      case Tag(3, kBytes):
        good = cursor.TakeText(&item->text);
        item->form = ValueForm::kText;
        break;
      case Tag(5, kVarint):
        good = cursor.TakeVarint(&number);
        item->flag = number != 0;
        item->form = ValueForm::kFlag;
        break;
      case Tag(6, kBytes):
        good = cursor.TakeText(&item->unit);
        break;
      case Tag(7, kBytes):
        good = cursor.TakeText(&item->site);
        break;
      case Tag(8, kBytes):
        good = cursor.TakeText(&message);
        break;
      case Tag(9, kVarint):
        good = cursor.TakeVarint(&number);
        item->quality = static_cast<std::int32_t>(static_cast<std::uint32_t>(number));
        break;
      case Tag(10, kVarint):
        good = cursor.TakeVarint(&number);
        item->offset_ns = static_cast<std::int64_t>((number >> 1U) ^ (~(number & 1U) + 1U));
        break;
      case Tag(11, kBytes):
        good = cursor.TakeText(&item->comparator);
        break;
      default:
        break;
    }
    if (!good) return false;
  }
  return true;
}

bool ReadItems(std::string_view bytes, std::vector<ObservedItem>* items) {
  std::string_view message;
  for (Cursor cursor(bytes); !cursor.Done();) {
    if (cursor.TakeTag() != Tag(1, kBytes) || !cursor.TakeBytes(&message)) return false;
    items->emplace_back();
    if (!ReadItem(message, &items->back())) return false;
  }
  return true;
}

}  // namespace

bool ReadPlainEvent(std::string_view payload, ObservedEvent* out) {
  out->patient = out->source = {};
  out->source_sequence = 0;
  out->effective_ns = 0;
  out->items.clear();
  std::string_view message;
  bool has_items = false;
  for (Cursor cursor(payload); !cursor.Done();) {
    bool good = false;
    switch (cursor.TakeTag()) {
      case Tag(1, kBytes):
        good = cursor.TakeText(&out->patient);
        break;
      case Tag(2, kBytes):
        good = cursor.TakeText(&out->source);
        break;
      case Tag(3, kVarint):
        good = cursor.TakeVarint(&out->source_sequence);
        break;
      case Tag(4, kFixed64):
        good = cursor.TakeFixed64(&out->effective_ns);
        break;
      case Tag(10, kBytes):
        good = !has_items && cursor.TakeBytes(&message) && ReadItems(message, &out->items);
        has_items = true;
        break;
      default:
        break;
    }
    if (!good) return false;
  }
  return has_items;
}

void ReadParsedEvent(const v1::Event& event, ObservedEvent* out) {
  out->patient = event.patient_id();
  out->source = event.source_id();
  out->source_sequence = event.source_sequence();
  out->effective_ns = event.effective_ns();
  out->items.clear();
  for (const v1::Observation& from : event.observations().items()) {
    ObservedItem& item = out->items.emplace_back();
    item.system = from.code().system();
    item.code = from.code().code();
    switch (from.value_case()) {
      case v1::Observation::kQuantity:
        item.form = ValueForm::kQuantity;
        item.quantity = from.quantity();
        break;
      case v1::Observation::kText:
        item.form = ValueForm::kText;
        item.text = from.text();
        break;
      case v1::Observation::kCoded:
        item.form = ValueForm::kText;
        item.text = from.coded().code();
        break;
      case v1::Observation::kFlag:
        item.form = ValueForm::kFlag;
        item.flag = from.flag();
        break;
      case v1::Observation::VALUE_NOT_SET:
        break;
    }
    item.unit = from.unit();
    item.site = from.body_site();
    item.comparator = from.comparator();
    item.quality = from.quality();
    item.offset_ns = from.offset_ns();
  }
}

}  // namespace tonus::core
