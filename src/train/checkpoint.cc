#include "train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/shown_name.h"
#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::train {
namespace {

constexpr const char* kFormat = "drover training checkpoint 3";
constexpr std::string_view kPrefix = "step_", kSuffix = ".safetensors";

using Part = Learner::Part;
constexpr std::pair<Part, const char*> kParts[] = {
    {Part::kMaster, "weight"}, {Part::kFirstMoment, "first_moment"}, {Part::kSecondMoment, "second_moment"}};

/// A tensor of the state under the name that it has in the file; it is read when it is written, so that no second state exists.
struct NamedState {
  std::string name;
  std::vector<std::int64_t> shape;
  weights::ElementType type = weights::ElementType::kF32;
  std::function<at::Tensor()> read;
};

std::vector<NamedState> tensors_of(const Learner& learner, const RunNotes& notes) {
  std::vector<NamedState> tensors;
  std::size_t index = 0;
  for (const auto& [name, shape] : learner.learned_shapes()) {
    for (const auto& [part, kind] : kParts) {
      tensors.push_back({.name = fmt::format("{}/{}", kind, name), .shape = shape, .read = [&learner, part = part, index] {
                           return learner.part(part, index);
                         }});
    }
    ++index;
  }
  if (notes.objective.defined()) {
    tensors.push_back({.name = "objective", .shape = notes.objective.sizes().vec(), .read = [&notes] { return notes.objective; }});
  }
  tensors.push_back({.name = "losses", .shape = {std::ssize(notes.losses)}, .type = weights::ElementType::kF64, .read = [&notes] {
                       return at::tensor(notes.losses, at::kDouble);
                     }});
  return tensors;
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

at::Tensor on_cpu(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

/// Names the bytes of all tensors.
class StateHasher {
 public:
  void add(const std::string& name, std::span<const std::byte> bytes) {
    parts_.emplace_back(name, base::content_hash(bytes));
  }
  std::string hex() {
    std::sort(parts_.begin(), parts_.end());
    base::FieldHasher hasher;
    for (const auto& [name, hash] : parts_) hasher.add(name).add(hash);
    return hasher.finish().hex();
  }

 private:
  std::vector<std::pair<std::string, base::ContentHash>> parts_;
};

/// Holds one tensor of the file in memory at a time: a state is as large as what the run itself holds.
std::string content_of(const weights::SafetensorsFile& file) {
  StateHasher hasher;
  for (const auto& view : file.tensors()) {
    hasher.add(view.name, view.bytes);
    base::release_pages(view.bytes);
  }
  return hasher.hex();
}

std::string metadata_at(const weights::SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? std::string() : found->second;
}

/// Whether the file holds the bytes that were written, and these when they are named.
bool is_whole(const std::filesystem::path& path, const std::optional<std::string>& content = {}) {
  try {
    const auto file = weights::SafetensorsFile::open(path);
    return content.value_or(metadata_at(file, "content")) == content_of(file);
  } catch (const base::UserError&) {  // no such file at all
    return false;
  }
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

/// The number of steps that a checkpoint's file name says.
std::optional<std::int64_t> steps_in(const std::filesystem::path& path) {
  const auto name = path.filename().string();
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  return whole_number(std::string_view(name).substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
}

/// A tensor over the bytes of the file, which must be one of this type and shape.
at::Tensor stored_tensor(const weights::TensorView& stored, weights::ElementType type, at::ScalarType as) {
  DROVER_CHECK(stored.type == type, "The tensor {} has the type that is read", stored.name);
  auto* bytes = const_cast<std::byte*>(stored.bytes.data());  // only read
  return at::from_blob(bytes, stored.shape, as);
}

/// The stored tensors of one kind.
model::NamedTensors stored_tensors(const weights::SafetensorsFile& file, const std::string& kind, const model::NamedShapes& shapes,
                                   const std::filesystem::path& path) {
  model::NamedTensors tensors;
  for (const auto& [name, shape] : shapes) {
    const auto& stored = file.at(kind + "/" + name);
    if (stored.type != weights::ElementType::kF32 || stored.shape != shape) {
      throw base::UserError("{}: {} does not fit the model that is trained. Remove the checkpoint to begin anew.", path.string(), stored.name);
    }
    tensors.emplace_back(name, stored_tensor(stored, weights::ElementType::kF32, at::kFloat));
  }
  return tensors;
}

RunNotes stored_notes(const weights::SafetensorsFile& file) {
  RunNotes notes;
  if (const auto* objective = file.find("objective"); objective != nullptr && objective->type == weights::ElementType::kF32) {
    notes.objective = stored_tensor(*objective, weights::ElementType::kF32, at::kFloat).clone().view({-1});
  }
  if (const auto* losses = file.find("losses"); losses != nullptr && losses->type == weights::ElementType::kF64) {
    const auto values = stored_tensor(*losses, weights::ElementType::kF64, at::kDouble).clone();
    notes.losses.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel());
  }
  return notes;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code fault;
  if (std::filesystem::exists(folder, fault) && !std::filesystem::is_directory(folder, fault)) {
    throw base::UserError("{} is a file, so no checkpoints can be kept in it. Give a folder.", folder.string());
  }
  std::filesystem::create_directories(folder, fault);
  if (fault) throw base::SurroundingsError("The folder {} cannot be made for checkpoints: {}.", folder.string(), fault.message());
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& folder, std::string key, std::int64_t keep)
    : folder_(folder), key_(std::move(key)), keep_(keep) {
  make_folder(folder);
  lock_.emplace(folder / "lock", folder);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    std::error_code ignored;
    if (name.starts_with(kPrefix) && name.ends_with(".tmp")) std::filesystem::remove(entry.path(), ignored);
  }
}

std::vector<std::filesystem::path> Checkpoint::newest_first() const {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    if (const auto steps = steps_in(entry.path())) found.emplace_back(-*steps, entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::filesystem::path> paths;
  for (auto& [steps, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::optional<std::int64_t> Checkpoint::newest_step() const {
  const auto paths = newest_first();
  const auto newest = std::ranges::find_if(paths, [](const auto& path) { return is_whole(path); });
  return newest == paths.end() ? std::nullopt : steps_in(*newest);
}

void Checkpoint::save(const Learner& learner, const RunNotes& notes) const {
  const auto tensors = tensors_of(learner, notes);
  std::vector<weights::TensorView> views;
  StateHasher hasher;
  for (const auto& tensor : tensors) {
    views.push_back({.name = tensor.name, .type = tensor.type, .shape = tensor.shape, .bytes = {}});
    const auto values = on_cpu(tensor.read());
    hasher.add(tensor.name, bytes_of(values));
  }
  const auto content = hasher.hex();
  at::Tensor current;  // keeps the bytes that are being written alive
  const auto bytes = [&](std::size_t index) {
    current.reset();  // before the next copy is made
    current = on_cpu(tensors[index].read());
    return bytes_of(current);
  };
  const auto path = folder_ / fmt::format("{}{:08}{}", kPrefix, learner.num_steps(), kSuffix);
  weights::write_safetensors(path, views,
                             {{"format", kFormat}, {"run", key_}, {"steps", std::to_string(learner.num_steps())}, {"content", content}}, bytes);
  std::error_code ignored;
  if (!is_whole(path, content)) {
    std::filesystem::remove(path, ignored);
    throw base::SurroundingsError("{} reads back other bytes than were written: the disk or its driver is at fault. Earlier checkpoints are kept.",
                                  path.string());
  }
  std::int64_t kept = 0;
  for (const auto& other : newest_first()) {
    // Later steps than this one are damaged files that the run passed over.
    const bool is_kept = steps_in(other) <= learner.num_steps() && kept < keep_;
    if (is_kept) {
      ++kept;
    } else {
      std::filesystem::remove(other, ignored);
    }
  }
}

RunNotes Checkpoint::restore_from(const std::filesystem::path& path, Learner& learner) const {
  const auto file = weights::SafetensorsFile::open(path);
  if (metadata_at(file, "format") != kFormat || metadata_at(file, "run") != key_) {
    throw base::UserError("{} belongs to a run with other rows, options or start model. Give another folder, or remove it to begin anew.",
                          path.string());
  }
  const auto text = metadata_at(file, "steps");
  const auto steps = whole_number(text);
  if (!steps) {
    throw base::UserError("{} says that it holds {} steps. Remove it to begin anew.", path.string(), base::shown_name(text));
  }
  const auto& shapes = learner.learned_shapes();
  auto notes = stored_notes(file);
  learner.restore({.masters = stored_tensors(file, "weight", shapes, path),
                   .first_moments = stored_tensors(file, "first_moment", shapes, path),
                   .second_moments = stored_tensors(file, "second_moment", shapes, path),
                   .num_steps = *steps});
  return notes;
}

std::optional<RunNotes> Checkpoint::restore(Learner& learner) const {
  const auto paths = newest_first();
  if (paths.empty()) return std::nullopt;
  // A file whose bytes are not those that were written counts as if it were not there; an older one may be whole.
  for (const auto& path : paths) {
    if (is_whole(path)) return restore_from(path, learner);
  }
  throw base::UserError("{} is damaged and there is no other checkpoint. Remove it to begin anew.", paths.front().string());
}

}  // namespace drover::train
