#include "weights/safetensors_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>
#include <set>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "weights/container_stream.h"
#include "weights/safetensors_header.h"

namespace drover::weights {
namespace {

constexpr std::uint64_t kHeaderAlignment = 8;

std::uint64_t checked_bytes(const TensorView& tensor) {
  const auto bytes = stored_bytes(tensor.type, tensor.shape);
  DROVER_CHECK(bytes.has_value(), "Tensor {} has an impossible shape", tensor.name);
  return *bytes;
}

/// Positions in `tensors` in the order of the reference writer.
std::vector<std::size_t> storage_order(std::span<const TensorView> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const TensorView& tensor : tensors) {
    DROVER_CHECK(safetensors_rank(tensor.type).has_value(), "Tensor {} is {}, which safetensors cannot hold", tensor.name,
                 name_of(tensor.type));
  }
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    const int left_rank = *safetensors_rank(tensors[left].type);
    const int right_rank = *safetensors_rank(tensors[right].type);
    return left_rank != right_rank ? left_rank > right_rank : tensors[left].name < tensors[right].name;
  });
  return order;
}

std::string header_json(std::span<const TensorView> tensors, const std::vector<std::size_t>& order,
                        const std::map<std::string, std::string>& metadata) {
  // Written as text, because a JSON object would sort its keys and an ordered one searches them one by one.
  std::string text = "{";
  if (!metadata.empty()) text += "\"__metadata__\":" + nlohmann::json(metadata).dump();
  std::set<std::string_view> names = {"__metadata__"};
  std::uint64_t begin = 0;
  for (const std::size_t i : order) {
    const TensorView& tensor = tensors[i];
    DROVER_CHECK(names.insert(tensor.name).second, "Tensor {} is given twice", tensor.name);
    const std::uint64_t end = begin + checked_bytes(tensor);
    if (text.size() > 1) text += ',';
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}", nlohmann::json(tensor.name).dump(),
                        name_of(tensor.type), nlohmann::json(tensor.shape).dump(), begin, end);
    begin = end;
  }
  text += '}';
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return text;
}

std::string shard_name(std::size_t index, std::size_t count) {
  return fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

/// Removes the weight files of an earlier write that `kept` does not name.
void remove_stale(const std::filesystem::path& folder, const std::set<std::string>& kept) {
  static const std::regex kWritten(R"(model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json)");
  std::vector<std::filesystem::path> stale;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::regex_match(name, kWritten) && !kept.contains(name)) stale.push_back(entry.path());
  }
  std::error_code ignored;
  for (const auto& path : stale) std::filesystem::remove(path, ignored);
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata, const TensorBytes& bytes) {
  const auto order = storage_order(tensors);
  const std::string header = header_json(tensors, order, metadata);
  DROVER_CHECK(header.size() <= kMaxSafetensorsHeaderBytes, "A header of {} bytes is too long for safetensors", header.size());
  ContainerStream stream(path);
  stream.write_number(static_cast<std::uint64_t>(header.size()));
  stream.write(header);
  for (const std::size_t i : order) {
    const auto data = bytes ? bytes(i) : tensors[i].bytes;
    DROVER_CHECK_EQ(data.size(), checked_bytes(tensors[i]), "Tensor {} has a wrong number of bytes", tensors[i].name);
    stream.write(data);
  }
  stream.commit();
}

void write_sharded(const std::filesystem::path& folder, std::span<const TensorView> tensors, std::uint64_t max_shard_bytes,
                   const std::map<std::string, std::string>& metadata, const TensorBytes& bytes) {
  std::vector<std::vector<std::size_t>> shards(1);
  std::uint64_t shard_bytes = 0;
  std::uint64_t total_bytes = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t size = checked_bytes(tensors[i]);
    if (!shards.back().empty() && shard_bytes + size > max_shard_bytes) {
      shards.emplace_back();
      shard_bytes = 0;
    }
    shards.back().push_back(i);
    shard_bytes += size;
    total_bytes += size;
  }
  if (shards.size() == 1) {
    write_safetensors(folder / "model.safetensors", tensors, metadata, bytes);
    remove_stale(folder, {"model.safetensors"});
    return;
  }
  std::set<std::string> kept = {"model.safetensors.index.json"};
  std::map<std::string, std::string> weight_map;
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const std::string name = shard_name(s, shards.size());
    std::vector<TensorView> part;
    for (const std::size_t i : shards[s]) {
      part.push_back(tensors[i]);
      DROVER_CHECK(weight_map.emplace(tensors[i].name, name).second, "Tensor {} is given twice", tensors[i].name);
    }
    const TensorBytes part_bytes = !bytes ? TensorBytes{} : [&](std::size_t within) { return bytes(shards[s][within]); };
    write_safetensors(folder / name, part, metadata, part_bytes);
    kept.insert(name);
  }
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", weight_map}};
  base::write_file_atomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
  remove_stale(folder, kept);
}

}  // namespace drover::weights
