#include "weights/gguf_parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/shown_name.h"
#include "weights/gguf_tensor_type.h"

namespace drover::weights {
namespace {

using base::UserError;

constexpr std::uint64_t kMaxKeyBytes = 65535;
constexpr std::uint32_t kMaxDimensions = 4;
// The fewest bytes that an entry can take; bounds what a count in the header may reserve.
constexpr std::uint64_t kMinEntryBytes = 8 + 4 + 1;
constexpr std::uint64_t kMinTensorInfoBytes = 8 + 4 + 4 + 8;

}  // namespace

std::optional<std::uint64_t> fixed_size_of(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool: return 1;
    case GgufType::kU16:
    case GgufType::kI16: return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32: return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64: return 8;
    case GgufType::kString:
    case GgufType::kArray: return std::nullopt;
  }
  return std::nullopt;
}

GgufParser::GgufParser(std::span<const std::byte> bytes, std::string_view where)
    : bytes_(bytes), where_(where), cursor_(bytes_, where_) {}

GgufFile GgufParser::parse() {
  const auto magic = cursor_.take(4, "its first four bytes");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), 4) != "GGUF") {
    throw UserError("{} is not a GGUF file: it does not begin with 'GGUF'.", where_);
  }
  file_.where_ = where_;
  file_.version_ = cursor_.number<std::uint32_t>("the version");
  if (file_.version_ != 2 && file_.version_ != 3) {
    const char* hint = (file_.version_ & 0xFFFF) == 0 ? " It seems to be a big-endian file." : "";
    throw UserError("{} is GGUF version {}; versions 2 and 3 can be read.{}", where_, file_.version_, hint);
  }
  const auto num_tensors = cursor_.number<std::int64_t>("the number of tensors");
  const auto num_entries = cursor_.number<std::int64_t>("the number of metadata entries");
  if (num_tensors < 0 || static_cast<std::uint64_t>(num_tensors) > cursor_.left() / kMinTensorInfoBytes) {
    throw UserError("{} claims {} tensors, which its {} bytes cannot hold.", where_, num_tensors, bytes_.size());
  }
  if (num_entries < 0 || static_cast<std::uint64_t>(num_entries) > cursor_.left() / kMinEntryBytes) {
    throw UserError("{} claims {} metadata entries, which its {} bytes cannot hold.", where_, num_entries, bytes_.size());
  }
  for (std::int64_t i = 0; i < num_entries; ++i) read_metadata_entry(i);
  read_alignment();
  for (std::int64_t i = 0; i < num_tensors; ++i) read_tensor_info(i);
  if (num_tensors > 0) place_tensors();
  return std::move(file_);
}

void GgufParser::read_metadata_entry(std::int64_t index) {
  GgufFile::Entry entry;
  entry.key = cursor_.string(fmt::format("the key of metadata entry {}", index));
  if (entry.key.empty() || entry.key.size() > kMaxKeyBytes) {
    throw UserError("{}: the key of metadata entry {} has {} bytes; 1 to {} are allowed.", where_, index, entry.key.size(),
                    kMaxKeyBytes);
  }
  const std::string what = "metadata " + base::shown_name(entry.key);
  if (!file_.entry_index_.emplace(entry.key, file_.entries_.size()).second) {
    throw UserError("{} holds {} twice.", where_, what);
  }
  entry.type = read_value_type(what);
  if (entry.type == GgufType::kArray) {
    entry.is_array = true;
    entry.type = read_value_type(what);
    if (entry.type == GgufType::kArray) {
      throw UserError("{}: {} is an array of arrays, which no known GGUF file uses and drover does not read.", where_, what);
    }
    entry.count = cursor_.number<std::uint64_t>(what);
  }
  read_value(entry, what);
  file_.entries_.push_back(entry);
}

GgufType GgufParser::read_value_type(std::string_view what) {
  const auto number = cursor_.number<std::uint32_t>(what);
  if (number > static_cast<std::uint32_t>(GgufType::kF64)) {
    throw UserError("{}: {} has value type {}; types 0 to 12 exist.", where_, what, number);
  }
  return static_cast<GgufType>(number);
}

void GgufParser::read_value(GgufFile::Entry& entry, const std::string& what) {
  const std::optional<std::uint64_t> size = fixed_size_of(entry.type);
  const std::uint64_t least = size.value_or(sizeof(std::uint64_t));  // a string takes at least its length field
  if (entry.count > cursor_.left() / least) {
    throw UserError("{}: {} claims {} values of type {}, but {} bytes are left. Is the file complete?", where_, what, entry.count,
                    name_of(entry.type), cursor_.left());
  }
  if (size) {
    entry.bytes = cursor_.take(entry.count * *size, what);
    return;
  }
  const std::uint64_t begin = cursor_.position();
  for (std::uint64_t i = 0; i < entry.count; ++i) cursor_.string(what);
  entry.bytes = bytes_.subspan(begin, cursor_.position() - begin);
}

void GgufParser::read_alignment() {
  const GgufFile::Entry* entry = file_.entry("general.alignment");
  if (entry == nullptr) return;
  if (entry->is_array || entry->type != GgufType::kU32) {
    throw UserError("{}: 'general.alignment' must be of type u32, not {}.", where_,
                    entry->is_array ? "array" : name_of(entry->type));
  }
  file_.alignment_ = static_cast<std::uint64_t>(file_.integer("general.alignment"));
  if (!std::has_single_bit(file_.alignment_)) {
    throw UserError("{}: 'general.alignment' is {}, which is not a power of two.", where_, file_.alignment_);
  }
}

void GgufParser::read_tensor_info(std::int64_t index) {
  TensorView tensor;
  const std::string_view name = cursor_.string(fmt::format("the name of tensor {}", index));
  if (name.size() > kMaxKeyBytes) {
    throw UserError("{}: the name of tensor {} has {} bytes; {} are allowed.", where_, index, name.size(), kMaxKeyBytes);
  }
  tensor.name = name;
  const std::string what = "tensor " + base::shown_name(name);
  if (!file_.tensor_index_.emplace(tensor.name, file_.tensors_.size()).second) {
    throw UserError("{} holds {} twice.", where_, what);
  }
  const auto num_dimensions = cursor_.number<std::uint32_t>(what);
  if (num_dimensions > kMaxDimensions) {
    throw UserError("{}: {} has {} dimensions; at most {} are allowed.", where_, what, num_dimensions, kMaxDimensions);
  }
  tensor.shape.resize(num_dimensions);
  for (auto& size : tensor.shape) size = cursor_.number<std::int64_t>(what);
  std::reverse(tensor.shape.begin(), tensor.shape.end());

  const auto number = cursor_.number<std::uint32_t>(what);
  const std::optional<ElementType> type = element_type_of_gguf(number);
  if (!type) {
    throw UserError("{}: {} is stored as GGUF tensor type {}, which drover does not read. Take a file whose tensors are {}.",
                    where_, what, number, readable_gguf_types());
  }
  tensor.type = *type;
  if (!stored_bytes(tensor.type, tensor.shape)) {
    throw UserError("{}: {} of type {} has shape [{}]: a size is negative, the product too large, or a row is not a multiple of {}.",
                    where_, what, name_of(tensor.type), fmt::join(tensor.shape, ", "), block_size(tensor.type).elements);
  }
  offsets_.push_back(cursor_.number<std::uint64_t>(what));
  file_.tensors_.push_back(std::move(tensor));
}

void GgufParser::place_tensors() {
  const std::uint64_t alignment = file_.alignment_;
  const auto aligned = [&](std::uint64_t size) { return (size + alignment - 1) / alignment * alignment; };
  const std::uint64_t data_begin = aligned(cursor_.position());
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < file_.tensors_.size(); ++i) {
    TensorView& tensor = file_.tensors_[i];
    if (offsets_[i] != expected) {
      throw UserError("{}: the data of tensor {} begin at offset {} where {} is expected, so tensors overlap or leave a hole.", where_,
                      base::shown_name(tensor.name), offsets_[i], expected);
    }
    const std::uint64_t size = *stored_bytes(tensor.type, tensor.shape);
    // `expected` never passes the file's size by more than the alignment, so none of these sums overflows.
    if (data_begin + expected > bytes_.size() || size > bytes_.size() - data_begin - expected) {
      throw UserError("{} ends inside the data of tensor {}: {} bytes are needed at position {}, the file has {}. Is it complete?",
                      where_, base::shown_name(tensor.name), size, data_begin + expected, bytes_.size());
    }
    tensor.bytes = bytes_.subspan(data_begin + expected, size);
    expected = aligned(expected + size);
  }
}

}  // namespace drover::weights
