#include "openai/completion_session.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "net/server_events.h"
#include "openai/api_error.h"
#include "openai/forced_call.h"

namespace drover::openai {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLook{200};  // how often a silent client is looked after

std::int64_t unix_time() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

CompletionSession::CompletionSession(const ServedModel& model, ReplyConstraints& constraints, EngineThread& engine, Metrics& metrics,
                                     CompletionRequest request, const std::string& id)
    : model_(model),
      constraints_(constraints),
      engine_(engine),
      metrics_(metrics),
      request_(std::move(request)),
      answer_(request_, *model.tokenizer, model.name, id, unix_time()),
      began_(Clock::now()) {
  try {
    make_prompts();
    submit();
  } catch (const std::exception& error) {
    for (const auto running : running_) engine_.engine().cancel(running);
    if (dynamic_cast<const base::UserError*>(&error) != nullptr) throw ApiError(400, error.what());
    throw;
  }
}

CompletionSession::~CompletionSession() {
  feed_->close();
  for (const auto running : running_) engine_.engine().cancel(running);
}

void CompletionSession::make_prompts() {
  if (request_.is_chat) {
    if (model_.format == nullptr) throw ApiError(400, "The model has no known chat format, so it takes no messages; use /v1/completions.");
    prompts_.push_back(chat_prompt());
  }
  for (auto& prompt : request_.prompts) {
    if (auto* ids = std::get_if<std::vector<text::TokenId>>(&prompt)) {
      prompts_.push_back(std::move(*ids));
    } else {
      prompts_.push_back(model_.tokenizer->encode(std::get<std::string>(prompt), {.parse_special = false, .add_special = true}));
    }
  }
  if (!request_.ignores_end) {
    stop_ids_ = model_.stop_ids;
    if (request_.is_chat) {
      const auto of_format = model_.format->stop_ids();
      stop_ids_.insert(stop_ids_.end(), of_format.begin(), of_format.end());
    }
  }
  stop_ids_.insert(stop_ids_.end(), request_.options.stop_ids.begin(), request_.options.stop_ids.end());
}

std::vector<text::TokenId> CompletionSession::chat_prompt() {
  if (request_.tool_choice == ToolChoice::kNone) request_.dialog.tools.clear();
  auto prompt = model_.format->render(request_.dialog, {.generation_prompt = true}).ids;
  if (request_.tool_choice == ToolChoice::kRequired) {
    std::vector<chat::ToolDefinition> tools;
    std::vector<std::string> functions;
    for (const auto& tool : request_.dialog.tools) {
      if (!request_.tool_name.empty() && tool.name != request_.tool_name) continue;
      tools.push_back(tool);
      functions.push_back(tool.name);
    }
    constraint_ = constraints_.of_calls(model_.format->name(), tools);
    if (constraint_ == nullptr) forced_ = forced_call(*model_.format, request_.dialog, functions);
    prompt.insert(prompt.end(), forced_.begin(), forced_.end());
  }
  return prompt;
}

std::shared_ptr<const engine::TokenConstraint> CompletionSession::schema_constraint() {
  if (!request_.dialog.tools.empty()) {
    throw ApiError(400, "\"response_format\" and \"tools\" cannot go together: a call is not the JSON that is asked for.", "response_format");
  }
  try {
    return constraints_.of_schema(request_.schema);
  } catch (const base::UserError& error) {
    throw ApiError(400, error.what(), "response_format");
  }
}

void CompletionSession::submit() {
  const auto count = static_cast<std::int64_t>(prompts_.size()) * request_.num_choices;
  feed_ = std::make_shared<RequestFeed>(count);
  const ReadingRules rules{.tokenizer = model_.tokenizer.get(),
                           .format = request_.is_chat ? model_.format.get() : nullptr,
                           .dialog = &request_.dialog,
                           .stop_ids = stop_ids_,
                           .stop_strings = request_.options.stop_strings,
                           .min_tokens = request_.options.min_tokens,
                           .forced = forced_};
  for (std::int64_t i = 0; i < count; ++i) choices_.emplace_back(rules);
  num_open_ = choices_.size();

  auto options = request_.options;
  options.stop_strings.clear();  // found by the readers
  options.stop_ids = stop_ids_;
  if (request_.wants_json) constraint_ = schema_constraint();
  if (constraint_ != nullptr && request_.ignores_end) throw ApiError(400, "\"ignore_eos\" is not possible here: the reply ends where its JSON does.", "ignore_eos");
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    auto own = options;
    const auto room = model_.model->max_positions() - static_cast<std::int64_t>(prompts_[i].size());
    if (request_.max_tokens && *request_.max_tokens > room && room > 0) {
      throw ApiError(400, fmt::format("The prompt has {} tokens and max_tokens is {}; the model has {} positions.", prompts_[i].size(), *request_.max_tokens, model_.model->max_positions()),
                     "max_tokens");
    }
    own.max_tokens = std::clamp<std::int64_t>(own.max_tokens, 1, std::max<std::int64_t>(room, 1));
    own.min_tokens = std::min(own.min_tokens, own.max_tokens);
    running_.push_back(engine_.engine().submit(
        engine::SampleRequest{.prompt = prompts_[i], .options = std::move(own), .num_samples = request_.num_choices, .first_sample = 0, .constraint = constraint_, .num_top = request_.num_top},
        feed_listener(feed_, static_cast<std::int64_t>(i) * request_.num_choices)));
  }
}

bool CompletionSession::pump(const std::function<bool()>& is_gone, const std::function<bool(std::vector<News>& news)>& on_news) {
  auto looked = Clock::now();
  std::vector<News> news(choices_.size());
  while (num_open_ > 0) {
    const auto came = feed_->take(kLook);
    if (const auto failure = feed_->failure(); !failure.empty()) throw ApiError(500, failure);
    if (const auto failure = engine_.failure(); !failure.empty()) throw ApiError(500, "The server's engine has stopped; it must be started again.");
    if (const auto now = Clock::now(); now - looked >= kLook) {
      looked = now;
      if (is_gone()) {
        metrics_.count_vanished_client(model_.name);
        return false;
      }
    }
    for (const auto& of_choice : came) take(of_choice, news[static_cast<std::size_t>(of_choice.choice)]);
    if (!came.empty() && !on_news(news)) {
      metrics_.count_vanished_client(model_.name);
      return false;
    }
  }
  return true;
}

void CompletionSession::take(const ChoiceNews& came, News& news) {
  auto& reader = choices_[static_cast<std::size_t>(came.choice)];
  if (reader.has_ended()) return;
  for (std::size_t i = 0; i < came.run.tokens.size() && !reader.has_ended(); ++i) {
    if (!has_token_) metrics_.count_first_token(model_.name, std::chrono::duration<double>(Clock::now() - began_).count());
    has_token_ = true;
    news.text += reader.push(came.run.tokens[i], came.run.top_of(i));
    news.run.add(came.run.tokens[i], came.run.top_of(i));
  }
  if (came.end && !reader.has_ended()) news.text += reader.end(*came.end);
  if (!reader.has_ended()) return;
  feed_->end_choice(came.choice);
  --num_open_;
}

void CompletionSession::answer(net::HttpExchange& exchange) {
  const bool all_here = pump([&] { return exchange.is_gone(); }, [](std::vector<News>& news) {
    for (auto& entry : news) entry = {};
    return true;
  });
  count();
  if (all_here) exchange.respond(200, "application/json", answer_.whole(choices_, prompts_, usage()));
}

void CompletionSession::stream(net::BodyWriter& writer) {
  const auto send = [&writer](const std::string& json) { return writer.write(net::server_event(json)); };
  std::vector<bool> is_closed(choices_.size(), false);
  try {
    if (request_.is_chat) {
      for (std::size_t i = 0; i < choices_.size(); ++i) {
        if (!send(answer_.opening(static_cast<std::int64_t>(i)))) return;
      }
    }
    const bool all_sent = pump([&] { return writer.is_gone(); }, [&](std::vector<News>& news) {
      bool goes_on = true;
      for (std::size_t i = 0; i < news.size() && goes_on; ++i) {
        const auto index = static_cast<std::int64_t>(i);
        const bool has_tokens = (request_.wants_log_probs || request_.wants_token_ids) && !news[i].run.tokens.empty();
        if (!news[i].text.empty() || has_tokens) goes_on = send(answer_.piece(index, news[i].text, news[i].run));
        news[i] = {};
        if (!choices_[i].has_ended() || is_closed[i]) continue;
        is_closed[i] = true;
        if (goes_on && !choices_[i].calls().empty()) goes_on = send(answer_.calls(index, choices_[i]));
        goes_on = goes_on && send(answer_.closing(index, choices_[i]));
      }
      return goes_on;
    });
    count();
    if (!all_sent) return;
    if (request_.includes_usage) send(answer_.totals(usage()));
    send("[DONE]");
  } catch (const ApiError& error) {
    count();
    send(error.json());
  }
}

Usage CompletionSession::usage() const {
  Usage usage;
  for (const auto& prompt : prompts_) usage.prompt_tokens += static_cast<std::int64_t>(prompt.size());
  for (const auto& choice : choices_) usage.completion_tokens += static_cast<std::int64_t>(choice.run().tokens.size());
  return usage;
}

void CompletionSession::count() {
  const auto used = usage();
  metrics_.count_tokens(model_.name, used.prompt_tokens, used.completion_tokens);
}

}  // namespace drover::openai
