#include "core/normalise/code_table.h"

#include <array>

namespace tonus::core {
namespace {

constexpr std::array<unsigned char, 256> MakeFold() {
  std::array<unsigned char, 256> fold{};
  for (unsigned i = 0; i < 256; ++i) {
    fold[i] = static_cast<unsigned char>(i >= 'A' && i <= 'Z' ? i - 'A' + 'a' : i);
  }
  fold['_'] = ' ';
  fold['-'] = ' ';
  return fold;
}

constexpr std::array<unsigned char, 256> kFold = MakeFold();

unsigned char FoldByte(char c) { return kFold[static_cast<unsigned char>(c)]; }

}  // namespace

std::string FoldCode(std::string_view code) {
  std::string out;
  out.reserve(code.size());
  for (const char c : code) out += static_cast<char>(FoldByte(c));
  return out;
}

std::uint64_t CodeTable::Hash(CodeSystem system, std::string_view code) const {
  // FNV-1a: codes are short, and a fixed function keeps table layout the same in every run.
  std::uint64_t hash = 14695981039346656037ULL ^ static_cast<std::uint64_t>(system);
  if (folding_ == Folding::kFolded) {
    for (const char c : code) hash = (hash ^ FoldByte(c)) * 1099511628211ULL;
  } else {
    for (const char c : code) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash ^ (hash >> 32U);
}

bool CodeTable::Equal(const Entry& entry, std::string_view code) const {
  if (entry.code.size() != code.size()) return false;
  if (folding_ == Folding::kExact) return entry.code == code;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (static_cast<unsigned char>(entry.code[i]) != FoldByte(code[i])) return false;
  }
  return true;
}

void CodeTable::Grow() {
  slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

std::uint32_t CodeTable::Insert(CodeSystem system, std::string_view code, std::uint32_t id) {
  if (const std::uint32_t there = Find(system, code)) return there;
  entries_.push_back({Hash(system, code),
                      folding_ == Folding::kFolded ? FoldCode(code) : std::string(code), system,
                      id});
  if (entries_.size() * 2 > slots_.size()) {
    Grow();
    return 0;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = entries_.back().hash & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  return 0;
}

std::uint32_t CodeTable::Find(CodeSystem system, std::string_view code) const {
  if (slots_.empty() || code.empty() || code.size() > kMaxCodeBytes) return 0;
  const std::uint64_t hash = Hash(system, code);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && entry.system == system && Equal(entry, code)) return entry.id;
  }
  return 0;
}

}  // namespace tonus::core
