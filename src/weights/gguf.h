#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/gguf_value.h"
#include "weights/tensor.h"

namespace drover::weights {

/// One GGUF file (versions 2 and 3, little-endian), mapped into memory and never copied. Opening checks every length, type and
/// offset; what it cannot vouch for throws UserError. Metadata values are decoded when asked for, so a tokenizer of 300,000 strings
/// costs one pass over their lengths. Copies share the mapping.
///
/// The find functions return nothing when the key is absent and throw UserError when its value has another type. The functions
/// without "find" throw UserError when the key is absent, too. Views point into the file.
class GgufFile {
 public:
  static GgufFile open(const std::filesystem::path& path);

  /// The same from bytes that the caller keeps alive; `where` names them in messages.
  static GgufFile parse(std::span<const std::byte> bytes, std::string_view where);

  std::optional<std::string_view> find_string(std::string_view key) const;
  /// Any integer type; a u64 beyond the range of i64 throws UserError.
  std::optional<std::int64_t> find_integer(std::string_view key) const;
  /// Any integer or floating-point type.
  std::optional<double> find_number(std::string_view key) const;
  std::optional<bool> find_bool(std::string_view key) const;
  std::optional<std::vector<std::string_view>> find_array_of_strings(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> find_array_of_integers(std::string_view key) const;
  std::optional<std::vector<double>> find_array_of_numbers(std::string_view key) const;
  std::optional<std::vector<bool>> find_array_of_bools(std::string_view key) const;

  std::string_view string(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  std::vector<std::string_view> array_of_strings(std::string_view key) const;

  /// The keys, in the order of the file.
  std::vector<std::string_view> keys() const;
  /// The value's type; kArray for arrays. Nothing when the key is absent.
  std::optional<GgufType> type_of(std::string_view key) const;
  /// The number of elements when the value is an array, else 1; 0 when the key is absent.
  std::uint64_t count_of(std::string_view key) const;
  /// The value as a writer takes it; the key must exist (checked).
  GgufValue value(std::string_view key) const;

  /// In the order of their bytes in the file; shapes reversed to PyTorch's order.
  const std::vector<TensorView>& tensors() const& { return tensors_; }
  const std::vector<TensorView>& tensors() && = delete;
  /// The tensor of this name, or nullptr.
  const TensorView* find(std::string_view name) const&;
  const TensorView* find(std::string_view name) && = delete;
  /// As find(), but a missing tensor throws UserError.
  const TensorView& at(std::string_view name) const&;
  const TensorView& at(std::string_view name) && = delete;

  std::uint32_t version() const { return version_; }
  std::uint64_t alignment() const { return alignment_; }

  /// Keeps the bytes alive for borrowers that outlive this object; empty after parse().
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  struct Entry {
    std::string_view key;
    GgufType type = GgufType::kU8;     // of the value, or of the elements of an array
    bool is_array = false;
    std::uint64_t count = 1;
    std::span<const std::byte> bytes;  // the encoded value or elements
  };
  friend class GgufParser;

  const Entry* entry(std::string_view key) const;
  const Entry* scalar_entry(std::string_view key, std::string_view wanted) const;
  const Entry* array_entry(std::string_view key, std::string_view wanted) const;
  [[noreturn]] void refuse_type(const Entry& entry, std::string_view wanted) const;
  [[noreturn]] void refuse_missing(std::string_view key) const;

  std::string where_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  std::vector<Entry> entries_;
  std::map<std::string_view, std::size_t> entry_index_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> tensor_index_;
  std::shared_ptr<const void> owner_;
};

}  // namespace drover::weights
