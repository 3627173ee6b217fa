#include "evaluate/recorded_replies.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::evaluate {
namespace {

// Those replies of this model that the stage has recorded, in order of their samples.
std::vector<ledger::GenerationId> known_replies(const ReplyPlan& plan, const std::string& model,
                                                ledger::PromptId prompt, const ledger::Ledger& ledger) {
  std::vector<ledger::GenerationId> known;
  for (std::int64_t sample = 0; sample < plan.num_replies; ++sample) {
    ledger::Generation name;
    name.prompt = prompt;
    name.stage = plan.stage;
    name.model = model;
    name.sample = sample;
    const auto id = ledger::id_of(name);
    if (!ledger.find(id)) return {};
    known.push_back(id);
  }
  return known;
}

generate::SamplingOptions sampling_for(const ReplyPlan& plan, ledger::PromptId prompt) {
  auto options = plan.sampling;
  if (plan.lowest_temperature) {
    base::RandomStream random(options.seed, "temperature", static_cast<std::uint64_t>(prompt.value()));
    options.temperature = *plan.lowest_temperature + random.uniform() * (options.temperature - *plan.lowest_temperature);
  }
  return options;
}

ledger::Generation generation_of(const generate::Response& response, ledger::PromptId prompt, std::int64_t sample,
                                 const Responder& responder, const ReplyPlan& plan) {
  ledger::Generation generation;
  generation.prompt = prompt;
  generation.stage = plan.stage;
  generation.sample = sample;
  generation.model = responder.generator->model_name();
  generation.tokenizer = responder.tokenizer;
  generation.ids = response.ids;
  generation.log_probs = response.log_probs;
  generation.reply = response.reply.messages;
  if (response.reply.fault) generation.fault = response.reply.fault->reason;
  generation.options = sampling_for(plan, prompt).describe();
  return generation;
}

}  // namespace

std::vector<std::vector<ledger::GenerationId>> recorded_replies(const Responder& responder,
                                                                std::span<const ledger::PromptId> prompts,
                                                                const ReplyPlan& plan, ledger::Ledger& ledger,
                                                                const base::OnProgress& on_progress) {
  DROVER_CHECK(plan.prompts_per_batch > 0 && plan.num_replies > 0, "A plan without replies");
  const auto model = responder.generator->model_name();
  std::vector<std::vector<ledger::GenerationId>> replies;
  const auto batch_size = static_cast<std::size_t>(plan.prompts_per_batch);
  for (std::size_t begin = 0; begin < prompts.size(); begin += batch_size) {
    const auto batch = prompts.subspan(begin, std::min(batch_size, prompts.size() - begin));
    std::vector<std::vector<ledger::GenerationId>> known;
    for (const auto prompt : batch) known.push_back(known_replies(plan, model, prompt, ledger));
    const bool is_recorded = std::none_of(known.begin(), known.end(), [](const auto& ids) { return ids.empty(); });
    if (!is_recorded) {
      std::vector<generate::GenerationRequest> requests;
      for (const auto prompt : batch) {
        auto found = ledger.find(prompt);
        DROVER_CHECK(found.has_value(), "A prompt is not in the ledger");
        generate::GenerationRequest request;
        request.dialog = std::move(found->dialog);
        request.options = sampling_for(plan, prompt);
        request.num_responses = plan.num_replies;
        requests.push_back(std::move(request));
      }
      const auto results = responder.generator->generate(requests);
      ledger::Ledger::Batch together(ledger);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        known[i].clear();
        for (std::size_t sample = 0; sample < results[i].responses.size(); ++sample) {
          known[i].push_back(ledger.add(generation_of(results[i].responses[sample], batch[i],
                                                      static_cast<std::int64_t>(sample), responder, plan)));
        }
      }
      together.commit();
    }
    replies.insert(replies.end(), known.begin(), known.end());
    if (on_progress) {
      on_progress({.what = "sampling",
                   .done = static_cast<std::int64_t>(replies.size()),
                   .total = static_cast<std::int64_t>(prompts.size()),
                   .unit = "prompts"});
    }
  }
  return replies;
}

bool is_cut(const ledger::Generation& generation) {
  return generation.reply.empty() || generation.reply.back().ending == chat::Ending::kCut;
}

}  // namespace drover::evaluate
