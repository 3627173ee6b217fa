#include "model/model.h"

#include <ATen/ATen.h>

#include "base/content_hash.h"
#include "base/error.h"
#include "model/adapter_folder.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/load_decoder.h"
#include "model/model_folder.h"
#include "model/tensor_of_view.h"
#include "text/load_tokenizer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

at::Tensor plain(const at::Tensor& tensor) { return tensor.detach().cpu().contiguous(); }

}  // namespace

std::shared_ptr<const Model> Model::load(const fs::path& path, const LoadOptions& options) {
  if (is_adapter_folder(path)) return load_with_adapter(path, adapter_base(path), options);
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

void Model::save(const fs::path& folder) const { save_model(*this, {}, folder); }

}  // namespace drover::model
