#include "train/checkpoint.h"

#include <ATen/core/grad_mode.h>

#include <charconv>
#include <cstring>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/shown_name.h"
#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::train {
namespace {

constexpr const char* kFormat = "drover training checkpoint 1";

struct NamedState {
  std::string name;
  at::Tensor tensor;
};

/// Every tensor of the state, under the name that it has in the file. The tensors are the live ones, not copies.
std::vector<NamedState> state_of(const TrainableWeights& weights, const AdamW& optimizer) {
  std::vector<NamedState> state;
  std::size_t index = 0;
  for (const auto& [name, tensor] : weights.masters()) {
    state.push_back({"weight/" + name, tensor});
    state.push_back({"first_moment/" + name, optimizer.first_moments()[index]});
    state.push_back({"second_moment/" + name, optimizer.second_moments()[index]});
    ++index;
  }
  return state;
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

std::string metadata_at(const weights::SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? std::string() : found->second;
}

void read_into(at::Tensor target, const weights::TensorView& stored, const std::filesystem::path& path) {
  if (stored.type != weights::ElementType::kF32 || at::IntArrayRef(stored.shape) != target.sizes()) {
    throw base::UserError("{}: {} does not fit the model that is trained. Remove the checkpoint to begin anew.", path.string(), stored.name);
  }
  auto values = at::empty(target.sizes(), at::kFloat);
  std::memcpy(values.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  target.copy_(values);
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& folder, std::string key) : path_(folder / "checkpoint.safetensors"), key_(std::move(key)) {
  std::error_code fault;
  if (std::filesystem::exists(folder, fault) && !std::filesystem::is_directory(folder, fault)) {
    throw base::UserError("{} is a file, so no checkpoints can be kept in it. Give a folder.", folder.string());
  }
  std::filesystem::create_directories(folder, fault);
  if (fault) throw base::SurroundingsError("The folder {} cannot be made for checkpoints: {}.", folder.string(), fault.message());
}

void Checkpoint::save(const TrainableWeights& weights, const AdamW& optimizer) const {
  const auto state = state_of(weights, optimizer);
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : state) {
    views.push_back({.name = name, .type = weights::ElementType::kF32, .shape = tensor.sizes().vec(), .bytes = {}});
  }
  at::Tensor current;  // keeps the bytes that are being written alive
  const auto bytes = [&](std::size_t index) {
    current = state[index].tensor.detach().to(at::kCPU).contiguous();
    return bytes_of(current);
  };
  weights::write_safetensors(path_, views, {{"format", kFormat}, {"run", key_}, {"steps", std::to_string(optimizer.num_steps())}}, bytes);
}

bool Checkpoint::restore(TrainableWeights& weights, AdamW& optimizer) const {
  if (!std::filesystem::exists(path_)) return false;
  const auto file = weights::SafetensorsFile::open(path_);
  if (metadata_at(file, "format") != kFormat || metadata_at(file, "run") != key_) {
    throw base::UserError("{} belongs to a run with other rows, options or start model. Give another folder, or remove it to begin anew.",
                          path_.string());
  }
  const auto text = metadata_at(file, "steps");
  std::int64_t steps = -1;
  const auto end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, steps); read.ec != std::errc() || read.ptr != end || steps < 0) {
    throw base::UserError("{} says that it holds {} steps. Remove it to begin anew.", path_.string(), base::shown_name(text));
  }

  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state_of(weights, optimizer)) read_into(tensor, file.at(name), path_);
  optimizer.set_num_steps(steps);
  weights.publish();
  return true;
}

}  // namespace drover::train
