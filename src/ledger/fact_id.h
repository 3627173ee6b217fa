#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/content_hash.h"

namespace drover::ledger {

/// Names a fact by a hash of what it says: writing the same fact twice writes it once, and a resumed run gives its
/// facts the same names as an uninterrupted one. 63 bits, so that it is a positive SQL integer; 0 names nothing.
template <typename Fact>
class FactId {
 public:
  FactId() = default;
  explicit FactId(std::int64_t value) : value_(value) {}
  explicit FactId(const base::ContentHash& hash) : value_(static_cast<std::int64_t>(hash.low >> 1U)) {}

  std::int64_t value() const { return value_; }
  bool is_nothing() const { return value_ == 0; }
  /// 16 hexadecimal digits: what people see and type.
  std::string hex() const { return fmt_hex(value_); }
  auto operator<=>(const FactId&) const = default;

 private:
  static std::string fmt_hex(std::int64_t value) {
    std::string text(16, '0');
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 16; i-- > 0; bits >>= 4U) text[i] = "0123456789abcdef"[bits & 15U];
    return text;
  }

  std::int64_t value_ = 0;
};

struct Prompt;
struct Node;
struct Generation;
struct Comparison;
struct ComparisonRequest;
struct TrainingRow;

using PromptId = FactId<Prompt>;
using NodeId = FactId<Node>;
using GenerationId = FactId<Generation>;
using ComparisonId = FactId<Comparison>;
using ComparisonRequestId = FactId<ComparisonRequest>;
using TrainingRowId = FactId<TrainingRow>;

}  // namespace drover::ledger

template <typename Fact>
struct std::hash<drover::ledger::FactId<Fact>> {
  std::size_t operator()(const drover::ledger::FactId<Fact>& id) const noexcept {
    return std::hash<std::int64_t>()(id.value());
  }
};
