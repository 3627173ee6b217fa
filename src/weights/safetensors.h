#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor.h"

namespace drover::weights {

/// One safetensors file: a JSON header and the tensors' bytes, mapped into memory and never copied. Reading accepts what the format
/// allows and nothing else: a header of at most 100,000,000 bytes without duplicate or unknown keys, and tensors that cover the rest
/// of the file without holes and overlaps. Anything else throws UserError. Copies share the mapping.
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path& path);

  /// The same from bytes that the caller keeps alive; `where` names them in messages.
  static SafetensorsFile parse(std::span<const std::byte> bytes, std::string_view where);

  /// In the order of their bytes in the file.
  const std::vector<TensorView>& tensors() const& { return tensors_; }
  const std::vector<TensorView>& tensors() && = delete;

  /// The tensor of this name, or nullptr.
  const TensorView* find(std::string_view name) const&;
  const TensorView* find(std::string_view name) && = delete;

  /// As find(), but a missing tensor throws UserError.
  const TensorView& at(std::string_view name) const&;
  const TensorView& at(std::string_view name) && = delete;

  /// The header's `__metadata__`; `{"format": "pt"}` in files of PyTorch.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// Keeps the bytes alive for borrowers that outlive this object; empty after parse().
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  std::string where_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
  std::shared_ptr<const void> owner_;
};

/// The weights of a model folder: `model.safetensors`, else the shards that `model.safetensors.index.json` lists.
class ShardedTensors {
 public:
  /// Throws UserError when the folder holds neither file, when a shard is missing or leaves the folder, when the index lists a name
  /// twice or a shard does not hold a tensor that the index promises. Tensors that the index does not list are left out.
  static ShardedTensors open(const std::filesystem::path& folder);

  /// Shard by shard, in the order of their bytes.
  const std::vector<TensorView>& tensors() const& { return tensors_; }
  const std::vector<TensorView>& tensors() && = delete;

  const TensorView* find(std::string_view name) const&;
  const TensorView* find(std::string_view name) && = delete;
  const TensorView& at(std::string_view name) const&;
  const TensorView& at(std::string_view name) && = delete;

  /// Of the single file, or of the first shard.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// Keeps every shard's mapping alive.
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  void open_shards(const std::filesystem::path& folder, const std::filesystem::path& index);

  std::string where_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
  std::shared_ptr<const void> owner_;
};

}  // namespace drover::weights
