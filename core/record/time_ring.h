#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/checkpoint/codec.h"

namespace tonus::core {

/// By what a TimeRing orders its elements.
template <class T>
std::int64_t TimeOf(const T& item) {
  if constexpr (requires { item.Time(); }) {
    return item.Time();
  } else {
    return item.effective;
  }
}

/// At most `bound` elements with a time (a member `effective`, or Time()), oldest first; equal
/// times in order of arrival.
///
/// A value; grows as it fills, so an element that never comes costs nothing. Inserting at the end
/// is O(1), a late element costs a shift of what is newer. When it is full the oldest is pushed out
/// and handed back, which may be the inserted element itself.
template <class T>
class TimeRing {
 public:
  explicit TimeRing(std::size_t bound) : bound_(bound) {}

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  const T& operator[](std::size_t i) const { return items_[Slot(i)]; }
  T& operator[](std::size_t i) { return items_[Slot(i)]; }
  const T& back() const { return (*this)[size() - 1]; }

  /// Inserts in order and returns what had to go.
  std::optional<T> Insert(T value) {
    std::optional<T> out;
    if (items_.size() == bound_) {
      if (TimeOf(value) < TimeOf((*this)[0])) return value;
      out = std::move(items_[head_]);
      items_[head_] = std::move(value);
      head_ = (head_ + 1) % bound_;
    } else {
      if (items_.size() == items_.capacity()) {
        items_.reserve(std::min(bound_, items_.size() + std::max<std::size_t>(4, size() / 2)));
      }
      if (head_ != 0) Straighten();
      items_.push_back(std::move(value));
    }
    for (std::size_t i = size() - 1; i > 0 && TimeOf((*this)[i]) < TimeOf((*this)[i - 1]); --i) {
      std::swap((*this)[i], (*this)[i - 1]);
    }
    return out;
  }

  /// Bytes on the heap; what the elements themselves hold there is not counted.
  std::size_t HeapBytes() const { return items_.capacity() * sizeof(T); }

  void Erase(std::size_t i) {
    Straighten();
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  /// Index of the first element at or after `time`; size() if there is none.
  std::size_t LowerBound(std::int64_t time) const {
    std::size_t low = 0;
    std::size_t high = size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (TimeOf((*this)[middle]) < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

 private:
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    if constexpr (Archive::kReading) {
      const std::size_t n = archive.Count();
      if (n > self.bound_) archive.Refuse("more is kept than there is room for");
      self.items_.clear();
      self.head_ = 0;
      for (std::size_t i = 0; i < n && archive.Good(); ++i) {
        archive(self.items_.emplace_back());
        if (i > 0 && TimeOf(self.items_[i]) < TimeOf(self.items_[i - 1])) {
          archive.Refuse("what is kept by time is out of order");
        }
      }
    } else {
      archive(static_cast<std::uint32_t>(self.size()));
      for (std::size_t i = 0; i < self.size(); ++i) archive(self[i]);
    }
  }

  std::size_t Slot(std::size_t i) const {
    const std::size_t slot = head_ + i;
    return slot < items_.size() ? slot : slot - items_.size();
  }
  void Straighten() {
    std::rotate(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_), items_.end());
    head_ = 0;
  }

  std::size_t bound_;
  std::size_t head_ = 0;
  std::vector<T> items_;
};

}  // namespace tonus::core
