#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "openai/choice_reader.h"
#include "openai/completion_answer.h"
#include "openai/completion_request.h"
#include "openai/engine_thread.h"
#include "openai/metrics.h"
#include "openai/reply_constraints.h"
#include "openai/request_feed.h"
#include "openai/served_model.h"

namespace drover::openai {

/// One request under way, from the engine to its client. Lives on the client's thread; the destructor cancels what still runs.
class CompletionSession {
 public:
  /// Renders the prompts and submits them. `id` names the answer. Throws ApiError.
  CompletionSession(const ServedModel& model, ReplyConstraints& constraints, EngineThread& engine, Metrics& metrics, CompletionRequest request,
                    const std::string& id);
  ~CompletionSession();
  CompletionSession(const CompletionSession&) = delete;
  CompletionSession& operator=(const CompletionSession&) = delete;

  /// Waits for all choices and answers. Returns without an answer when the client is gone. Throws ApiError.
  void answer(net::HttpExchange& exchange);
  /// Writes chunks as tokens come; an error becomes an event.
  void stream(net::BodyWriter& writer);

  const CompletionRequest& request() const { return request_; }

 private:
  /// What a choice has got since the last look.
  struct News {
    std::string text;
    TokenRun run;
  };

  void make_prompts();
  std::vector<text::TokenId> chat_prompt();
  void submit();
  std::shared_ptr<const engine::TokenConstraint> schema_constraint();
  /// Moves all choices on until they have ended; false when the client is gone or `on_news` returns false.
  bool pump(const std::function<bool()>& is_gone, const std::function<bool(std::vector<News>& news)>& on_news);
  void take(const ChoiceNews& came, News& news);
  Usage usage() const;
  void count();

  const ServedModel& model_;
  ReplyConstraints& constraints_;
  EngineThread& engine_;
  Metrics& metrics_;
  CompletionRequest request_;
  std::vector<std::vector<text::TokenId>> prompts_;
  std::vector<text::TokenId> forced_;
  std::shared_ptr<const engine::TokenConstraint> constraint_;
  std::vector<text::TokenId> stop_ids_;
  CompletionAnswer answer_;
  std::vector<ChoiceReader> choices_;
  std::shared_ptr<RequestFeed> feed_;
  std::vector<engine::RequestId> running_;
  std::size_t num_open_ = 0;
  std::chrono::steady_clock::time_point began_;
  bool has_token_ = false;
};

}  // namespace drover::openai
