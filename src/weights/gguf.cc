#include "weights/gguf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/shown_name.h"
#include "weights/byte_cursor.h"
#include "weights/gguf_parser.h"

namespace drover::weights {
namespace {

using base::UserError;

/// Calls use(value) with the C++ type of a fixed-size GGUF type; bool arrives as bool.
template <typename Use>
auto with_number(GgufType type, const std::byte* bytes, const Use& use) {
  const auto load = [&]<typename Number>(Number value) {
    std::memcpy(&value, bytes, sizeof value);
    return use(value);
  };
  switch (type) {
    case GgufType::kU8: return load(std::uint8_t{});
    case GgufType::kI8: return load(std::int8_t{});
    case GgufType::kU16: return load(std::uint16_t{});
    case GgufType::kI16: return load(std::int16_t{});
    case GgufType::kU32: return load(std::uint32_t{});
    case GgufType::kI32: return load(std::int32_t{});
    case GgufType::kU64: return load(std::uint64_t{});
    case GgufType::kI64: return load(std::int64_t{});
    case GgufType::kF32: return load(float{});
    case GgufType::kF64: return load(double{});
    case GgufType::kBool: return use(*bytes != std::byte{0});
    case GgufType::kString:
    case GgufType::kArray: break;
  }
  base::fail_check(__FILE__, __LINE__, "fixed size", fmt::format("A GGUF {} is not a number", name_of(type)));
}

bool is_integer(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kU16:
    case GgufType::kI16:
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kU64:
    case GgufType::kI64: return true;
    default: return false;
  }
}

bool is_number(GgufType type) { return is_integer(type) || type == GgufType::kF32 || type == GgufType::kF64; }

double decode_number(GgufType type, const std::byte* bytes) {
  return with_number(type, bytes, [](auto value) { return static_cast<double>(value); });
}

/// Nothing when a u64 does not fit.
std::optional<std::int64_t> decode_integer(GgufType type, const std::byte* bytes) {
  return with_number(type, bytes, [](auto value) -> std::optional<std::int64_t> {
    if constexpr (std::is_same_v<decltype(value), std::uint64_t>) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    }
    return static_cast<std::int64_t>(value);
  });
}

}  // namespace

GgufFile GgufFile::parse(std::span<const std::byte> bytes, std::string_view where) { return GgufParser(bytes, where).parse(); }

GgufFile GgufFile::open(const std::filesystem::path& path) {
  const base::MappedFile mapped(path);
  GgufFile file = parse(mapped.bytes(), path.string());
  file.owner_ = mapped.owner();
  return file;
}

const GgufFile::Entry* GgufFile::entry(std::string_view key) const {
  const auto found = entry_index_.find(key);
  return found == entry_index_.end() ? nullptr : &entries_[found->second];
}

void GgufFile::refuse_type(const Entry& entry, std::string_view wanted) const {
  throw UserError("{}: metadata {} is {}{}; {} is expected.", where_, base::shown_name(entry.key), entry.is_array ? "an array of " : "",
                  name_of(entry.type), wanted);
}

void GgufFile::refuse_missing(std::string_view key) const {
  throw UserError("{} lacks the metadata {}. Is it a complete model file?", where_, base::shown_name(key));
}

const GgufFile::Entry* GgufFile::scalar_entry(std::string_view key, std::string_view wanted) const {
  const Entry* found = entry(key);
  if (found != nullptr && found->is_array) refuse_type(*found, wanted);
  return found;
}

const GgufFile::Entry* GgufFile::array_entry(std::string_view key, std::string_view wanted) const {
  const Entry* found = entry(key);
  if (found != nullptr && !found->is_array) refuse_type(*found, wanted);
  return found;
}

std::optional<std::string_view> GgufFile::find_string(std::string_view key) const {
  const Entry* found = scalar_entry(key, "a string");
  if (found == nullptr) return std::nullopt;
  if (found->type != GgufType::kString) refuse_type(*found, "a string");
  return ByteCursor(found->bytes, where_).string(key);
}

std::optional<std::int64_t> GgufFile::find_integer(std::string_view key) const {
  const Entry* found = scalar_entry(key, "an integer");
  if (found == nullptr) return std::nullopt;
  if (!is_integer(found->type)) refuse_type(*found, "an integer");
  const auto value = decode_integer(found->type, found->bytes.data());
  if (!value) throw UserError("{}: metadata {} is an integer above 2^63 - 1.", where_, base::shown_name(key));
  return value;
}

std::optional<double> GgufFile::find_number(std::string_view key) const {
  const Entry* found = scalar_entry(key, "a number");
  if (found == nullptr) return std::nullopt;
  if (!is_number(found->type)) refuse_type(*found, "a number");
  return decode_number(found->type, found->bytes.data());
}

std::optional<bool> GgufFile::find_bool(std::string_view key) const {
  const Entry* found = scalar_entry(key, "a bool");
  if (found == nullptr) return std::nullopt;
  if (found->type != GgufType::kBool) refuse_type(*found, "a bool");
  return found->bytes[0] != std::byte{0};
}

std::optional<std::vector<std::string_view>> GgufFile::find_array_of_strings(std::string_view key) const {
  const Entry* found = array_entry(key, "an array of strings");
  if (found == nullptr) return std::nullopt;
  if (found->type != GgufType::kString) refuse_type(*found, "an array of strings");
  std::vector<std::string_view> strings(found->count);
  ByteCursor cursor(found->bytes, where_);
  for (auto& text : strings) text = cursor.string(key);
  return strings;
}

std::optional<std::vector<std::int64_t>> GgufFile::find_array_of_integers(std::string_view key) const {
  const Entry* found = array_entry(key, "an array of integers");
  if (found == nullptr) return std::nullopt;
  if (!is_integer(found->type)) refuse_type(*found, "an array of integers");
  const std::uint64_t size = *fixed_size_of(found->type);
  std::vector<std::int64_t> integers(found->count);
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const auto value = decode_integer(found->type, found->bytes.data() + i * size);
    if (!value) throw UserError("{}: element {} of metadata {} is above 2^63 - 1.", where_, i, base::shown_name(key));
    integers[i] = *value;
  }
  return integers;
}

std::optional<std::vector<double>> GgufFile::find_array_of_numbers(std::string_view key) const {
  const Entry* found = array_entry(key, "an array of numbers");
  if (found == nullptr) return std::nullopt;
  if (!is_number(found->type)) refuse_type(*found, "an array of numbers");
  const std::uint64_t size = *fixed_size_of(found->type);
  std::vector<double> numbers(found->count);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = decode_number(found->type, found->bytes.data() + i * size);
  return numbers;
}

std::optional<std::vector<bool>> GgufFile::find_array_of_bools(std::string_view key) const {
  const Entry* found = array_entry(key, "an array of bools");
  if (found == nullptr) return std::nullopt;
  if (found->type != GgufType::kBool) refuse_type(*found, "an array of bools");
  std::vector<bool> bools(found->count);
  for (std::size_t i = 0; i < bools.size(); ++i) bools[i] = found->bytes[i] != std::byte{0};
  return bools;
}

std::string_view GgufFile::string(std::string_view key) const {
  const auto value = find_string(key);
  if (!value) refuse_missing(key);
  return *value;
}

std::int64_t GgufFile::integer(std::string_view key) const {
  const auto value = find_integer(key);
  if (!value) refuse_missing(key);
  return *value;
}

double GgufFile::number(std::string_view key) const {
  const auto value = find_number(key);
  if (!value) refuse_missing(key);
  return *value;
}

std::vector<std::string_view> GgufFile::array_of_strings(std::string_view key) const {
  auto value = find_array_of_strings(key);
  if (!value) refuse_missing(key);
  return *std::move(value);
}

std::vector<std::string_view> GgufFile::keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(entries_.size());
  for (const Entry& entry : entries_) keys.push_back(entry.key);
  return keys;
}

std::optional<GgufType> GgufFile::type_of(std::string_view key) const {
  const Entry* found = entry(key);
  if (found == nullptr) return std::nullopt;
  return found->is_array ? GgufType::kArray : found->type;
}

std::uint64_t GgufFile::count_of(std::string_view key) const {
  const Entry* found = entry(key);
  return found == nullptr ? 0 : found->count;
}

GgufValue GgufFile::value(std::string_view key) const {
  const Entry* found = entry(key);
  DROVER_CHECK(found != nullptr, "{} has no metadata {}", where_, base::shown_name(key));
  if (found->type == GgufType::kString) {
    if (!found->is_array) return std::string(string(key));
    const auto views = array_of_strings(key);
    return std::vector<std::string>(views.begin(), views.end());
  }
  if (!found->is_array) {
    return with_number(found->type, found->bytes.data(), [](auto value) -> GgufValue { return value; });
  }
  // The first element's type decides the vector's; an empty array has no bytes to decode, so a zero stands in for them.
  static constexpr std::byte kZeros[8] = {};
  return with_number(found->type, found->count == 0 ? kZeros : found->bytes.data(), [&](auto first) -> GgufValue {
    using Number = decltype(first);
    const std::uint64_t size = *fixed_size_of(found->type);
    std::vector<Number> numbers(found->count);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if constexpr (std::is_same_v<Number, bool>) {
        numbers[i] = found->bytes[i] != std::byte{0};
      } else {
        std::memcpy(&numbers[i], found->bytes.data() + i * size, sizeof(Number));
      }
    }
    return numbers;
  });
}

const TensorView* GgufFile::find(std::string_view name) const& {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& GgufFile::at(std::string_view name) const& {
  const TensorView* found = find(name);
  if (found == nullptr) throw UserError("{} lacks the tensor {}. Is it a complete model file?", where_, base::shown_name(name));
  return *found;
}

}  // namespace drover::weights
