#include "model/model.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/file.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/load_decoder.h"
#include "model/tensor_of_view.h"
#include "model/tokenizer_files.h"
#include "text/load_tokenizer.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

at::Tensor plain(const at::Tensor& tensor) { return tensor.detach().cpu().contiguous(); }

void write_weights(const Decoder& decoder, const fs::path& folder) {
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : decoder.parameters()) {
    views.push_back({.name = name, .type = element_type_of(tensor.scalar_type()), .shape = tensor.sizes().vec(), .bytes = {}});
  }
  at::Tensor current;
  weights::write_sharded(folder, views, 5'000'000'000, weights::kPyTorchMetadata, [&](std::size_t index) {
    current = plain(decoder.parameters()[index].second);
    return view_of_tensor(views[index].name, current).bytes;
  });
}

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

// A folder that appears whole or not at all: it is made beside its place and renamed.
class FolderUnderConstruction {
 public:
  explicit FolderUnderConstruction(const fs::path& target)
      : target_(target.has_filename() ? target : target.parent_path()),
        temporary_(target_.parent_path() / fmt::format(".{}.{}.partial", target_.filename().string(), getpid())) {
    std::error_code error;
    fs::remove_all(temporary_, error);
    fs::create_directories(temporary_, error);
    if (error) throw base::SurroundingsError("The folder '{}' could not be made: {}.", temporary_.string(), error.message());
  }
  FolderUnderConstruction(const FolderUnderConstruction&) = delete;
  FolderUnderConstruction& operator=(const FolderUnderConstruction&) = delete;
  ~FolderUnderConstruction() {
    std::error_code ignored;
    fs::remove_all(temporary_, ignored);
  }

  const fs::path& path() const { return temporary_; }

  void commit() {
    const fs::path old = target_.parent_path() / fmt::format(".{}.{}.old", target_.filename().string(), getpid());
    std::error_code error;
    if (fs::exists(target_)) fs::rename(target_, old, error);
    if (!error) fs::rename(temporary_, target_, error);
    if (error) throw base::SurroundingsError("The folder '{}' could not be put in its place: {}.", target_.string(), error.message());
    fs::remove_all(old, error);
  }

 private:
  fs::path target_;
  fs::path temporary_;
};

void check_replaceable(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  if (!fs::is_directory(folder)) throw base::UserError("'{}' is a file; give a folder for the model.", folder.string());
  if (!fs::is_empty(folder) && !fs::exists(folder / "config.json")) {
    throw base::UserError("'{}' holds other files than a model; give a new or empty folder.", folder.string());
  }
}

}  // namespace

std::shared_ptr<const Model> Model::load(const fs::path& path, const LoadOptions& options) {
  auto decoder = load_decoder(path, options);
  try {
    return std::make_shared<const Model>(std::move(decoder), text::load_tokenizer(path), text::read_chat_template(path), path);
  } catch (const base::UserError& error) {
    if (std::string_view(error.what()).find(path.string()) != std::string_view::npos) throw;
    throw base::UserError("{}: {}", path.string(), error.what());
  }
}

Model::Model(std::shared_ptr<const Decoder> decoder, std::shared_ptr<const text::Tokenizer> tokenizer,
             std::optional<std::string> chat_template, fs::path tokenizer_source)
    : decoder_(std::move(decoder)),
      tokenizer_(std::move(tokenizer)),
      chat_template_(std::move(chat_template)),
      tokenizer_source_(std::move(tokenizer_source)) {
  DROVER_CHECK(decoder_ != nullptr && tokenizer_ != nullptr, "A model needs weights and a tokenizer");
  // More rows than tokens are common: they are padding for fast matrix products.
  if (tokenizer_->vocab_size() > config().vocab_size) {
    throw base::UserError("The tensor 'model.embed_tokens.weight' has {} rows, but the tokenizer has {} tokens. Were tokens added after "
                          "these weights were made?", config().vocab_size, tokenizer_->vocab_size());
  }
}

Model::~Model() = default;

std::shared_ptr<const Model> Model::with_decoder(std::shared_ptr<const Decoder> decoder) const {
  return std::make_shared<const Model>(std::move(decoder), tokenizer_, chat_template_, tokenizer_source_);
}

const DecoderConfig& Model::config() const { return decoder_->config(); }

ComputeType Model::compute_type() const { return decoder_->dtype() == at::kFloat ? ComputeType::kFloat32 : ComputeType::kBFloat16; }

const std::string& Model::hash() const {
  std::call_once(hash_once_, [&] {
    base::FieldHasher hasher;
    hasher.add(to_config_json(config(), compute_type())).add(tokenizer_->hash());
    for (const auto& [name, tensor] : decoder_->parameters()) {
      const at::Tensor values = plain(tensor);
      hasher.add(name).add(base::content_hash(view_of_tensor(name, values).bytes));
    }
    hash_ = hasher.finish().hex();
  });
  return hash_;
}

void Model::save(const fs::path& folder) const {
  check_replaceable(folder);
  FolderUnderConstruction made(folder);
  base::write_file_atomically(made.path() / "config.json", to_config_json(config(), compute_type()));
  base::write_file_atomically(made.path() / "generation_config.json", generation_config_json(config()));
  write_weights(*decoder_, made.path());
  write_tokenizer_files(tokenizer_source_, chat_template_, made.path());
  made.commit();
}

}  // namespace drover::model
