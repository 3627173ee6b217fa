#include "model/model_folder.h"

#include <ATen/ATen.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/shown_name.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/put_in_place.h"
#include "model/tensor_of_view.h"
#include "model/tokenizer_files.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

std::string generation_config_json(const DecoderConfig& config) {
  nlohmann::ordered_json json;
  if (config.bos != text::kNoToken) json["bos_token_id"] = text::to_int(config.bos);
  std::vector<std::int32_t> eos;
  for (const text::TokenId id : config.eos) eos.push_back(text::to_int(id));
  if (eos.size() == 1) {
    json["eos_token_id"] = eos.front();
  } else if (!eos.empty()) {
    json["eos_token_id"] = eos;
  }
  return (json.is_null() ? "{}" : json.dump(2)) + "\n";
}

// Removes what programs that were killed left beside this place: ".NAME.PID.partial", where no process PID lives any more.
void remove_leftovers(const fs::path& target) {
  const std::string before = "." + target.filename().string() + ".", behind = ".partial";
  std::error_code error;
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(before) || !name.ends_with(behind) || name.size() <= before.size() + behind.size()) continue;
    pid_t pid = 0;
    const char* end = name.data() + name.size() - behind.size();
    const auto read = std::from_chars(name.data() + before.size(), end, pid);
    if (read.ec != std::errc() || read.ptr != end || pid <= 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

fs::path without_slash(const fs::path& folder) { return folder.has_filename() ? folder : folder.parent_path(); }

bool is_mount_point(const fs::path& folder) {
  struct stat own {}, above {};
  const auto parent = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  return ::lstat(folder.c_str(), &own) == 0 && ::stat(parent.c_str(), &above) == 0 && own.st_dev != above.st_dev;
}

/// Whether this is a file as model hubs keep them beside weights.
bool is_model_file(const fs::directory_entry& entry) {
  static constexpr std::string_view kEndings[] = {".safetensors", ".json", ".txt", ".model", ".jinja", ".md"};
  static constexpr std::string_view kBeginnings[] = {".gitattributes", "LICENSE", "NOTICE"};
  const std::string name = entry.path().filename().string();
  std::error_code unknown;
  return entry.is_regular_file(unknown) && (std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); }) ||
                                            std::ranges::any_of(kBeginnings, [&](std::string_view beginning) { return name.starts_with(beginning); }));
}

/// A folder is replaced with all that is in it, so that must be a model and nothing else.
void check_holds_nothing_else(const fs::path& folder) {
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    if (is_model_file(entry)) continue;
    throw base::UserError("'{}' holds {} too, which would be removed with the model there; give a new or empty folder.", folder.string(),
                          base::shown_name(entry.path().filename().string()));
  }
}

// A folder that appears whole or not at all: it is made beside its place and renamed.
class FolderUnderConstruction {
 public:
  explicit FolderUnderConstruction(const fs::path& target)
      : target_(without_slash(target)),
        temporary_(target_.parent_path() / fmt::format(".{}.{}.partial", target_.filename().string(), getpid())) {
    std::error_code error;
    remove_leftovers(target_);
    fs::remove_all(temporary_, error);
    fs::create_directories(temporary_, error);
    if (error) throw base::SurroundingsError("The folder '{}' could not be made: {}.", temporary_.string(), error.message());
  }
  FolderUnderConstruction(const FolderUnderConstruction&) = delete;
  FolderUnderConstruction& operator=(const FolderUnderConstruction&) = delete;
  ~FolderUnderConstruction() {
    std::error_code ignored;
    if (!is_finished_) fs::remove_all(temporary_, ignored);
  }

  const fs::path& path() const { return temporary_; }

  void commit() {
    is_finished_ = true;  // from here on it is the only copy of somebody's work
    put_in_place(temporary_, target_);
  }

 private:
  fs::path target_;
  fs::path temporary_;
  bool is_finished_ = false;
};

void write_weights_of(const Decoder& decoder, const fs::path& folder) {
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : decoder.parameters()) {
    views.push_back({.name = name, .type = element_type_of(tensor.scalar_type()), .shape = tensor.sizes().vec(), .bytes = {}});
  }
  at::Tensor current;
  weights::write_sharded(folder, views, 5'000'000'000, weights::kPyTorchMetadata, [&](std::size_t index) {
    current = decoder.parameters()[index].second.detach().cpu().contiguous();
    return view_of_tensor(views[index].name, current).bytes;
  });
}

}  // namespace

void check_place(const fs::path& folder, std::string_view what, std::string_view mark) {
  if (!fs::exists(folder)) return;
  if (!fs::is_directory(folder)) throw base::UserError("'{}' is a file; give a folder for the {}.", folder.string(), what);
  if (!fs::is_empty(folder) && !fs::exists(folder / mark)) {
    throw base::UserError("'{}' holds other files than {} {}; give a new or empty folder.", folder.string(), what.front() == 'a' ? "an" : "a", what);
  }
  // The system renames no folder onto these.
  const auto place = without_slash(folder);
  if (place.filename() == "." || place.filename() == "..") {
    throw base::UserError("'{}' cannot be replaced as a whole; give the folder by its name.", folder.string());
  }
  if (is_mount_point(place)) {
    throw base::UserError("A disk is mounted at '{}', so it cannot be replaced as a whole; give a folder in it.", folder.string());
  }
  check_holds_nothing_else(folder);
}

void write_folder(const fs::path& target, std::string_view what, std::string_view mark, const std::function<void(const fs::path& folder)>& write) {
  check_place(target, what, mark);
  FolderUnderConstruction made(target);
  write(made.path());
  made.commit();
}

void write_model_folder(const fs::path& target, const ModelFolder& model,
                        const std::function<void(const fs::path& folder)>& write_weights) {
  write_folder(target, "model", "config.json", [&](const fs::path& made) {
    base::write_file_atomically(made / "config.json", with_lineage(to_config_json(model.config, model.type), model.lineage));
    base::write_file_atomically(made / "generation_config.json", generation_config_json(model.config));
    write_weights(made);
    write_tokenizer_files(model.tokenizer_source, model.chat_template, made);
  });
}

void save_model(const Model& model, const Lineage& lineage, const fs::path& folder) {
  write_model_folder(folder,
                     {.config = model.config(), .type = model.compute_type(), .lineage = lineage,
                      .tokenizer_source = model.tokenizer_source(), .chat_template = model.chat_template()},
                     [&](const fs::path& into) { write_weights_of(model.decoder(), into); });
}

}  // namespace drover::model
