#include "rounds/start_models.h"

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/dialog_file.h"
#include "model/random_decoder.h"
#include "rounds/step_metrics.h"
#include "rounds/train_variants.h"
#include "text/load_tokenizer.h"
#include "train/learned_rows.h"
#include "train/trainer.h"

namespace drover::rounds {
namespace {

model::DecoderConfig config_of(const StartModel& start, const text::Tokenizer& tokenizer,
                               const chat::ChatFormat& format) {
  auto config = model::tiny_config(tokenizer.vocab_size(), start.hidden_size);
  config.intermediate_size = start.intermediate_size;
  config.num_layers = start.num_layers;
  config.num_heads = start.num_heads;
  config.num_kv_heads = start.num_kv_heads;
  config.head_dim = start.hidden_size / start.num_heads;
  config.max_positions = start.max_positions;
  config.eos = format.stop_ids();
  config.validate();
  return config;
}

/// The dialogs of a start model's text.
struct StartText {
  std::vector<chat::Dialog> dialogs;
  std::vector<std::int64_t> leaked_lines;  ///< where dialogs stood that hold a suite's prompt
};

enum class Leaks { kKeep, kLeaveOut };

StartText start_text(const Workspace& work, const StartModel& start, const PromptPool& pool, Leaks leaks) {
  auto file = chat::read_dialog_file(work.recipe.resolve(start.text));
  const auto decontaminator = pool.decontaminator(work.recipe.curate.leak_window_words);
  StartText text;
  for (std::size_t i = 0; i < file.dialogs.size(); ++i) {
    const bool is_leaked = decontaminator.leak_in(file.dialogs[i]).has_value();
    if (is_leaked) text.leaked_lines.push_back(file.lines[i]);
    if (!is_leaked || leaks == Leaks::kKeep) text.dialogs.push_back(std::move(file.dialogs[i]));
  }
  return text;
}

void record_leaks(Workspace& work, const std::string& stage, const StartModel& start, const StartText& text) {
  work.ledger.add(ledger::Metric{.stage = stage,
                                 .name = "leaked rows",
                                 .subject = "start." + start.name,
                                 .step = 0,
                                 .value = static_cast<double>(text.leaked_lines.size()),
                                 .low = {},
                                 .high = {}});
}

}  // namespace

std::string hash_of_sources(const Workspace& work, const StartModel& start, const PromptPool& pool) {
  base::FieldHasher hasher;
  hasher.add(base::content_hash_of_file(work.recipe.resolve(start.text)));
  if (start.from.empty()) {
    hasher.add(text::load_tokenizer(work.recipe.resolve(start.tokenizer))->hash());
  } else {
    for (const auto line : start_text(work, start, pool, Leaks::kLeaveOut).leaked_lines) hasher.add(line);
  }
  return hasher.finish().hex();
}

namespace {

ModelSet keep_start_model(Workspace& work, const std::string& stage, const StartModel& start,
                          const std::shared_ptr<const model::Model>& trained, const char* made_by,
                          const std::vector<train::StepReport>& steps,
                          std::vector<ledger::ModelFact::Parent> parents) {
  record_steps(work, stage, "start " + start.name, steps);
  const auto kept = work.keep(trained, {.hash = {},
                                        .name = "start " + start.name,
                                        .stage = stage,
                                        .folder = {},
                                        .made_by = made_by,
                                        .data = base::content_hash_of_file(work.recipe.resolve(start.text)).hex(),
                                        .options = key_text(start),
                                        .parents = std::move(parents)});
  return {.variants = {kept}, .average = kept};
}

}  // namespace

ModelSet fine_tune_start_model(Workspace& work, const std::string& stage, const StartModel& start, const ModelRef& from,
                               const PromptPool& pool) {
  const auto model = work.load_for_training(from);
  const auto format = work.format(*model);
  std::vector<model::TokenRow> rows;
  const auto text = start_text(work, start, pool, Leaks::kLeaveOut);
  record_leaks(work, stage, start, text);
  for (const auto& dialog : text.dialogs) {
    rows.push_back(train::sft_row(*format, dialog, train::Learn::kFinal, {.max_tokens = start.train.max_tokens}));
  }
  std::vector<train::StepReport> steps;
  const auto trained = train::train_sft(model, rows, train_options(work, start.train, start.seed),
                                        work.watch_steps("start " + start.name, steps));
  return keep_start_model(work, stage, start, trained, "sft", steps, {{from.hash, 1}});
}

ModelSet make_start_model(Workspace& work, const std::string& stage, const StartModel& start, const PromptPool& pool) {
  const auto tokenizer_path = work.recipe.resolve(start.tokenizer);
  const auto tokenizer = text::load_tokenizer(tokenizer_path);
  if (work.recipe.models.format.empty()) {
    throw base::UserError("{}: [start.{}] has no chat template, so [models] needs a \"format\".",
                          work.recipe.file.string(), start.name);
  }
  const auto format = chat::make_chat_format(work.recipe.models.format, tokenizer);
  const auto blank =
      std::make_shared<const model::Model>(model::random_decoder(config_of(start, *tokenizer, *format), start.seed),
                                           tokenizer, std::nullopt, tokenizer_path);
  std::vector<model::TokenRow> rows;
  const auto text = start_text(work, start, pool, Leaks::kKeep);
  record_leaks(work, stage, start, text);
  for (const auto& dialog : text.dialogs) {
    for (auto& row : train::document_rows(format->render(dialog).ids, {.max_tokens = start.train.max_tokens}))
      rows.push_back(std::move(row));
  }
  std::vector<train::StepReport> steps;
  const auto options = train_options(work, start.train, start.seed);
  const auto trained = train::train_lm(blank, rows, options, work.watch_steps("start " + start.name, steps));
  return keep_start_model(work, stage, start, trained, "lm", steps, {});
}

ModelSet use_start_model(Workspace& work, const std::string& stage, const std::string& name) {
  const auto path = std::filesystem::absolute(work.recipe.model_path(name)).lexically_normal();
  const auto model = model::Model::load(path, {.compute_type = work.compute_type()});
  const ModelRef ref{
      .name = path.stem().string(), .hash = model->hash(), .folder = path.string(), .files = hash_of_files(path)};
  work.ledger.add(ledger::ModelFact{.hash = ref.hash,
                                    .name = ref.name,
                                    .stage = stage,
                                    .folder = ref.folder,
                                    .made_by = "file",
                                    .data = {},
                                    .options = "{}",
                                    .parents = {}});
  return {.variants = {ref}, .average = ref};
}

ModelSet use_remote_model(Workspace& work, const std::string& stage, const RemoteModel& remote) {
  const ModelRef ref{.name = remote.name, .hash = work.remote_generator(remote)->model_name(), .folder = {}, .files = {}};
  work.ledger.add(ledger::ModelFact{.hash = ref.hash,
                                    .name = ref.name,
                                    .stage = stage,
                                    .folder = {},
                                    .made_by = "server",
                                    .data = {},
                                    .options = chat::Json({{"url", remote.url}, {"model", remote.model}}).dump(),
                                    .parents = {}});
  return {.variants = {ref}, .average = ref};
}

}  // namespace drover::rounds
