#include "train/checkpoint.h"

#include <charconv>
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

/// Every tensor of the state, under the name that it has in the file.
std::vector<NamedState> tensors_of(const Learner::State& state) {
  std::vector<NamedState> tensors;
  for (std::size_t i = 0; i < state.masters.size(); ++i) {
    tensors.push_back({"weight/" + state.masters[i].first, state.masters[i].second});
    tensors.push_back({"first_moment/" + state.first_moments[i].first, state.first_moments[i].second});
    tensors.push_back({"second_moment/" + state.second_moments[i].first, state.second_moments[i].second});
  }
  return tensors;
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

std::string metadata_at(const weights::SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? std::string() : found->second;
}

/// The stored tensors of one kind, over the bytes of the file.
model::NamedTensors stored_tensors(const weights::SafetensorsFile& file, const std::string& kind, const model::NamedTensors& like,
                                   const std::filesystem::path& path) {
  model::NamedTensors tensors;
  for (const auto& [name, tensor] : like) {
    const auto& stored = file.at(kind + "/" + name);
    if (stored.type != weights::ElementType::kF32 || at::IntArrayRef(stored.shape) != tensor.sizes()) {
      throw base::UserError("{}: {} does not fit the model that is trained. Remove the checkpoint to begin anew.", path.string(), stored.name);
    }
    auto* bytes = const_cast<std::byte*>(stored.bytes.data());  // only read
    tensors.emplace_back(name, at::from_blob(bytes, stored.shape, at::kFloat));
  }
  return tensors;
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

void Checkpoint::save(const Learner::State& state) const {
  const auto tensors = tensors_of(state);
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    views.push_back({.name = name, .type = weights::ElementType::kF32, .shape = tensor.sizes().vec(), .bytes = {}});
  }
  at::Tensor current;  // keeps the bytes that are being written alive
  const auto bytes = [&](std::size_t index) {
    current = tensors[index].tensor.detach().to(at::kCPU).contiguous();
    return bytes_of(current);
  };
  weights::write_safetensors(path_, views, {{"format", kFormat}, {"run", key_}, {"steps", std::to_string(state.num_steps)}}, bytes);
}

bool Checkpoint::restore(Learner& learner) const {
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

  const auto own = learner.state();
  learner.restore({.masters = stored_tensors(file, "weight", own.masters, path_),
                   .first_moments = stored_tensors(file, "first_moment", own.first_moments, path_),
                   .second_moments = stored_tensors(file, "second_moment", own.second_moments, path_),
                   .num_steps = steps});
  return true;
}

}  // namespace drover::train
