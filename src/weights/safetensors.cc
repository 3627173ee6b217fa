#include "weights/safetensors.h"

#include <set>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/shown_name.h"
#include "weights/byte_cursor.h"
#include "weights/safetensors_header.h"
#include "weights/safetensors_index.h"

namespace drover::weights {
namespace {

using base::UserError;

using NameIndex = std::map<std::string, std::size_t, std::less<>>;

const TensorView* find_in(const std::vector<TensorView>& tensors, const NameIndex& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &tensors[found->second];
}

const TensorView& demand(const TensorView* found, std::string_view name, std::string_view where) {
  if (found == nullptr) {
    throw UserError("{} lacks the tensor {}. Does config.json describe another architecture?", where, base::shown_name(name));
  }
  return *found;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// Stops with one sentence that counts the missing shards, before any of them is opened.
void check_presence(const std::filesystem::path& folder, const std::set<std::string>& files) {
  std::size_t num_missing = 0;
  std::string first;
  for (const std::string& file : files) {
    if (is_there(folder / file)) continue;
    if (num_missing++ == 0) first = file;
  }
  if (num_missing > 0) {
    throw UserError("{} lacks {} of its {} shards (the first is {}). Was the download interrupted?", folder.string(), num_missing,
                    files.size(), base::shown_name(first));
  }
}

void check_completeness(const std::map<std::string, std::string>& weight_map, const std::vector<TensorView>& tensors,
                        const std::filesystem::path& index) {
  if (tensors.size() == weight_map.size()) return;
  std::set<std::string_view> found;
  for (const TensorView& tensor : tensors) found.insert(tensor.name);
  for (const auto& [name, file] : weight_map) {
    if (found.contains(name)) continue;
    throw UserError("{} says that tensor {} is in {}, but it is not. Do index and shards come from the same model?", index.string(),
                    base::shown_name(name), base::shown_name(file));
  }
}

}  // namespace

SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes, std::string_view where) {
  ByteCursor cursor(bytes, where);
  const auto header_bytes = cursor.number<std::uint64_t>("the length of its header");
  if (header_bytes > kMaxSafetensorsHeaderBytes) {
    throw UserError("{} is not a safetensors file, or broken: it announces a header of {} bytes; {} are allowed.", where,
                    header_bytes, kMaxSafetensorsHeaderBytes);
  }
  const auto json = cursor.take(header_bytes, "its header");
  SafetensorsHeader header = parse_safetensors_header({reinterpret_cast<const char*>(json.data()), json.size()}, cursor.left(), where);
  const auto data = bytes.subspan(cursor.position());

  SafetensorsFile file;
  file.where_ = where;
  file.metadata_ = std::move(header.metadata);
  file.tensors_.reserve(header.tensors.size());
  for (auto& tensor : header.tensors) {
    file.index_.emplace(tensor.name, file.tensors_.size());
    file.tensors_.push_back({.name = std::move(tensor.name),
                             .type = tensor.type,
                             .shape = std::move(tensor.shape),
                             .bytes = data.subspan(tensor.begin, tensor.end - tensor.begin)});
  }
  return file;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const base::MappedFile mapped(path);
  SafetensorsFile file = parse(mapped.bytes(), path.string());
  file.owner_ = mapped.owner();
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const& { return find_in(tensors_, index_, name); }

const TensorView& SafetensorsFile::at(std::string_view name) const& { return demand(find(name), name, where_); }

ShardedTensors ShardedTensors::open(const std::filesystem::path& folder) {
  const auto single = folder / "model.safetensors";
  const auto index = folder / "model.safetensors.index.json";
  ShardedTensors all;
  all.where_ = folder.string();
  if (is_there(single)) {
    const SafetensorsFile file = SafetensorsFile::open(single);
    all.tensors_ = file.tensors();
    all.metadata_ = file.metadata();
    all.owner_ = file.owner();
  } else if (is_there(index)) {
    all.open_shards(folder, index);
  } else {
    throw UserError("{} holds neither model.safetensors nor model.safetensors.index.json. Is it a model folder?", folder.string());
  }
  for (std::size_t i = 0; i < all.tensors_.size(); ++i) all.index_.emplace(all.tensors_[i].name, i);
  return all;
}

void ShardedTensors::open_shards(const std::filesystem::path& folder, const std::filesystem::path& index) {
  const base::MappedFile mapped(index);
  const auto weight_map = parse_safetensors_index(mapped.text(), index.string());
  std::set<std::string> files;
  for (const auto& [name, file] : weight_map) files.insert(file);
  check_presence(folder, files);

  const auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const std::string& file : files) {
    const SafetensorsFile shard = SafetensorsFile::open(folder / file);
    if (owners->empty()) metadata_ = shard.metadata();
    owners->push_back(shard.owner());
    for (const TensorView& tensor : shard.tensors()) {
      const auto listed = weight_map.find(tensor.name);
      if (listed != weight_map.end() && listed->second == file) tensors_.push_back(tensor);
    }
  }
  owner_ = owners;
  check_completeness(weight_map, tensors_, index);
}

const TensorView* ShardedTensors::find(std::string_view name) const& { return find_in(tensors_, index_, name); }

const TensorView& ShardedTensors::at(std::string_view name) const& { return demand(find(name), name, where_); }

}  // namespace drover::weights
