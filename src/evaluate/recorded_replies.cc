#include "evaluate/recorded_replies.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random_stream.h"
#include "ledger/group_writer.h"

namespace drover::evaluate {
namespace {

ledger::GenerationId name_of_reply(const ReplyPlan& plan, const std::string& model, ledger::PromptId prompt,
                                   std::int64_t sample) {
  ledger::Generation name;
  name.prompt = prompt;
  name.stage = plan.stage;
  name.model = model;
  name.sample = sample;
  return ledger::id_of(name);
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

/// Samples what the ledger lacks of one batch of prompts.
class MissingReplies {
 public:
  MissingReplies(const Responder& responder, const ReplyPlan& plan, const ledger::Ledger& ledger)
      : responder_(responder), plan_(plan), model_(responder.generator->model_name()), ledger_(ledger) {}

  /// Notes which samples of this prompt are missing and returns the names of all.
  std::vector<ledger::GenerationId> ask(ledger::PromptId prompt) {
    const auto recorded = ledger_.replies(plan_.stage, prompt);
    std::vector<ledger::GenerationId> names;
    for (std::int64_t sample = 0; sample < plan_.num_replies; ++sample) {
      names.push_back(name_of_reply(plan_, model_, prompt, sample));
      if (std::find(recorded.begin(), recorded.end(), names.back()) == recorded.end()) add_missing(prompt, sample);
    }
    return names;
  }

  std::int64_t count() const { return count_; }

  /// Each reply goes to the disk as soon as it is finished, while others are still being written.
  void sample(const base::OnProgress& on_progress) {
    if (asked_.empty()) return;
    ledger::GroupWriter writer(ledger_.file());
    std::int64_t num_heard = 0;
    generate::GenerationCallbacks callbacks;
    callbacks.keep_responses = false;
    callbacks.on_progress = on_progress;
    callbacks.on_response = [&](std::size_t request, std::int64_t number, const generate::Response& response) {
      const auto sample = requests_[request].first_sample + number;
      auto reply = generation_of(response, asked_[request], sample, responder_, plan_);
      writer.submit([reply = std::move(reply)](ledger::Ledger& ledger) { ledger.add(reply); });
      ++num_heard;
    };
    responder_.generator->generate(requests_, callbacks);
    DROVER_CHECK_EQ(num_heard, count_, "The generator did not tell of every reply");
    writer.flush();
  }

 private:
  /// Neighbouring samples are one request: the engine computes their prompt once.
  void add_missing(ledger::PromptId prompt, std::int64_t sample) {
    ++count_;
    if (!asked_.empty() && asked_.back() == prompt &&
        requests_.back().first_sample + requests_.back().num_responses == sample) {
      ++requests_.back().num_responses;
      return;
    }
    auto found = ledger_.find(prompt);
    DROVER_CHECK(found.has_value(), "A prompt is not in the ledger");
    requests_.push_back({.dialog = std::move(found->dialog),
                         .options = sampling_for(plan_, prompt),
                         .num_responses = 1,
                         .first_sample = sample});
    asked_.push_back(prompt);
  }

  const Responder& responder_;
  const ReplyPlan& plan_;
  const std::string model_;
  const ledger::Ledger& ledger_;
  std::vector<generate::GenerationRequest> requests_;
  std::vector<ledger::PromptId> asked_;  ///< the prompt of each request
  std::int64_t count_ = 0;
};

}  // namespace

std::vector<std::vector<ledger::GenerationId>> recorded_replies(const Responder& responder,
                                                                std::span<const ledger::PromptId> prompts,
                                                                const ReplyPlan& plan, const ledger::Ledger& ledger,
                                                                const base::OnProgress& on_progress) {
  DROVER_CHECK(plan.prompts_per_batch > 0 && plan.num_replies > 0, "A plan without replies");
  std::vector<std::vector<ledger::GenerationId>> replies;
  const auto total = static_cast<std::int64_t>(prompts.size()) * plan.num_replies;
  const auto tell = [&](std::int64_t done) {
    if (on_progress) on_progress({.what = "sampling", .done = done, .total = total, .unit = "replies"});
  };
  const auto batch_size = static_cast<std::size_t>(plan.prompts_per_batch);
  for (std::size_t begin = 0; begin < prompts.size(); begin += batch_size) {
    MissingReplies missing(responder, plan, ledger);
    for (const auto prompt : prompts.subspan(begin, std::min(batch_size, prompts.size() - begin)))
      replies.push_back(missing.ask(prompt));
    const auto asked = static_cast<std::int64_t>(replies.size()) * plan.num_replies;
    missing.sample([&](const base::Progress& given) { tell(asked - missing.count() + given.done); });
    tell(asked);
  }
  return replies;
}

bool is_cut(const ledger::Generation& generation) {
  return generation.reply.empty() || generation.reply.back().ending == chat::Ending::kCut;
}

}  // namespace drover::evaluate
