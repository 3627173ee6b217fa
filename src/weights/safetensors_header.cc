#include "weights/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/shown_name.h"
#include "weights/strict_json_events.h"

namespace drover::weights {
namespace {

using base::UserError;

// By rising rank: the order in which the reference implementation declares its types.
constexpr std::array<ElementType, 15> kByRank = {
    ElementType::kBool, ElementType::kU8,   ElementType::kI8,  ElementType::kF8E5M2, ElementType::kF8E4M3,
    ElementType::kI16,  ElementType::kU16,  ElementType::kF16, ElementType::kBF16,   ElementType::kI32,
    ElementType::kU32,  ElementType::kF32,  ElementType::kF64, ElementType::kI64,    ElementType::kU64,
};

constexpr std::size_t kMaxDimensions = 64;

/// Follows `{"__metadata__": {string: string}, NAME: {"dtype": string, "shape": [n...], "data_offsets": [n, n]}}`.
class HeaderEvents : public StrictJsonEvents {
 public:
  HeaderEvents(std::string_view where, SafetensorsHeader& header) : StrictJsonEvents(where), header_(header) {}

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::kStart: state_ = State::kTop; return true;
      case State::kTop:
        if (is_metadata_) {
          state_ = State::kMetadata;
        } else {
          state_ = State::kTensor;
          tensor_ = {};
          tensor_.name = name_;
          offsets_.clear();
          seen_fields_.clear();
        }
        return true;
      default: refuse("an object");
    }
  }

  bool key(string_t& key) override {
    if (state_ == State::kTop) {
      name_ = key;
      is_metadata_ = key == "__metadata__";
      if (!names_.insert(key).second) throw UserError("{} lists {} twice.", where(), base::shown_name(key));
    } else if (state_ == State::kMetadata) {
      metadata_key_ = key;
      if (header_.metadata.contains(key)) throw UserError("{} lists the metadata {} twice.", where(), base::shown_name(key));
    } else {
      field_ = key;
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        throw UserError("{}: tensor {} has the unknown field {}.", where(), base::shown_name(name_), base::shown_name(key));
      }
      if (!seen_fields_.insert(key).second) {
        throw UserError("{}: tensor {} has the field '{}' twice.", where(), base::shown_name(name_), key);
      }
    }
    return true;
  }

  bool string(string_t& text) override {
    if (state_ == State::kMetadata) {
      header_.metadata.emplace(metadata_key_, text);
      return true;
    }
    if (state_ != State::kTensor || field_ != "dtype") refuse("a string");
    const auto type = element_type_of_safetensors(text);
    if (!type) {
      throw UserError("{}: tensor {} has the type {}, which drover does not read.", where(), base::shown_name(name_), base::shown_name(text));
    }
    tensor_.type = *type;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ != State::kTensor || field_ == "dtype") refuse("an array");
    state_ = field_ == "shape" ? State::kShape : State::kOffsets;
    return true;
  }

  bool end_array() override {
    state_ = State::kTensor;
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (state_ == State::kShape) {
      if (tensor_.shape.size() == kMaxDimensions) {
        throw UserError("{}: tensor {} has more than {} dimensions.", where(), base::shown_name(name_), kMaxDimensions);
      }
      if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) refuse("a number above 2^63 - 1");
      tensor_.shape.push_back(static_cast<std::int64_t>(number));
    } else if (state_ == State::kOffsets) {
      if (offsets_.size() == 2) {
        throw UserError("{}: tensor {} has more than two data offsets.", where(), base::shown_name(name_));
      }
      offsets_.push_back(number);
    } else {
      refuse("a number");
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) finish_tensor();
    state_ = state_ == State::kTop ? State::kEnd : State::kTop;
    return true;
  }

 private:
  enum class State { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  void finish_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!seen_fields_.contains(field)) throw UserError("{}: tensor {} lacks the field '{}'.", where(), base::shown_name(name_), field);
    }
    if (offsets_.size() != 2 || offsets_[0] > offsets_[1]) {
      throw UserError("{}: tensor {} has the data offsets [{}]; a begin and an end that is not before it are expected.", where(),
                      base::shown_name(name_), fmt::join(offsets_, ", "));
    }
    tensor_.begin = offsets_[0];
    tensor_.end = offsets_[1];
    const auto bytes = stored_bytes(tensor_.type, tensor_.shape);
    if (!bytes || *bytes != tensor_.end - tensor_.begin) {
      throw UserError("{}: tensor {} of type {} and shape [{}] needs {} bytes, but its data offsets span {}.", where(),
                      base::shown_name(name_), name_of(tensor_.type), fmt::join(tensor_.shape, ", "),
                      bytes ? fmt::format("{}", *bytes) : "more than 2^63", tensor_.end - tensor_.begin);
    }
    header_.tensors.push_back(std::move(tensor_));
  }

  std::string place() const override {
    switch (state_) {
      case State::kStart:
      case State::kEnd: return "the header";
      case State::kTop: return is_metadata_ ? "'__metadata__'" : "the entry of tensor " + base::shown_name(name_);
      case State::kMetadata: return "the metadata " + base::shown_name(metadata_key_);
      default: return fmt::format("'{}' of tensor {}", field_, base::shown_name(name_));
    }
  }

  SafetensorsHeader& header_;
  State state_ = State::kStart;
  std::set<std::string, std::less<>> names_;
  std::string name_;
  bool is_metadata_ = false;
  std::string metadata_key_;
  std::string field_;
  std::set<std::string, std::less<>> seen_fields_;
  std::vector<std::uint64_t> offsets_;
  SafetensorsHeader::Tensor tensor_;
};

void check_coverage(const SafetensorsHeader& header, std::uint64_t data_bytes, std::string_view where) {
  std::uint64_t expected = 0;
  for (const auto& tensor : header.tensors) {
    if (tensor.begin != expected) {
      throw UserError("{}: the data of tensor {} begin at byte {} where {} is expected, so tensors overlap or leave a hole.", where,
                      base::shown_name(tensor.name), tensor.begin, expected);
    }
    expected = tensor.end;
  }
  if (expected != data_bytes) {
    throw UserError("{}: the tensors take {} bytes, but {} bytes follow the header. Is the file complete?", where, expected,
                    data_bytes);
  }
}

}  // namespace

std::optional<ElementType> element_type_of_safetensors(std::string_view dtype) {
  for (const ElementType type : kByRank) {
    if (name_of(type) == dtype) return type;
  }
  return std::nullopt;
}

std::optional<int> safetensors_rank(ElementType type) {
  const auto found = std::find(kByRank.begin(), kByRank.end(), type);
  if (found == kByRank.end()) return std::nullopt;
  return static_cast<int>(found - kByRank.begin());
}

SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, std::string_view where) {
  if (!json.starts_with('{')) throw UserError("{} is not a safetensors file: its header does not begin with '{{'.", where);
  SafetensorsHeader header;
  HeaderEvents(where, header).run(json);
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& left, const auto& right) {
    return std::tie(left.begin, left.end, left.name) < std::tie(right.begin, right.end, right.name);
  });
  check_coverage(header, data_bytes, where);
  return header;
}

}  // namespace drover::weights
