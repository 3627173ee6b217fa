#include "openai/completion_answer.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "chat/dialog_json.h"
#include "text/unicode.h"

namespace drover::openai {
namespace {

using chat::Json;

std::string line_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

Json id_list(std::span<const text::TokenId> ids) {
  Json list = Json::array();
  for (const auto id : ids) list.push_back(text::to_int(id));
  return list;
}

Json id_list(std::span<const engine::SampledToken> tokens) {
  Json list = Json::array();
  for (const auto& token : tokens) list.push_back(text::to_int(token.id));
  return list;
}

}  // namespace

CompletionAnswer::CompletionAnswer(const CompletionRequest& request, const text::Tokenizer& tokenizer, const std::string& name, const std::string& id,
                                   std::int64_t created)
    : request_(request), tokenizer_(tokenizer), name_(name), id_(id), created_(created) {}

Json CompletionAnswer::frame(bool is_chunk) const {
  const char* object = request_.is_chat ? (is_chunk ? "chat.completion.chunk" : "chat.completion") : "text_completion";
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", name_}};
}

std::string CompletionAnswer::spelling(text::TokenId id) const {
  if (request_.spells_ids) return fmt::format("token_id:{}", text::to_int(id));
  const auto bytes = tokenizer_.bytes_of(id);
  if (request_.is_chat || text::is_valid_utf8(bytes)) return std::string(bytes);
  // Parts of characters are told apart here as the protocol does it; chats list the bytes beside the text.
  std::string spelled = "bytes:";
  for (const char byte : bytes) fmt::format_to(std::back_inserter(spelled), "\\x{:02x}", static_cast<unsigned char>(byte));
  return spelled;
}

Json CompletionAnswer::log_probs(const TokenRun& run) const {
  if (request_.is_chat) return chat_log_probs(run);
  Json value = {{"tokens", Json::array()}, {"token_logprobs", Json::array()}, {"top_logprobs", nullptr}};
  if (request_.num_top > 0) value["top_logprobs"] = Json::array();
  for (std::size_t i = 0; i < run.tokens.size(); ++i) {
    const auto& token = run.tokens[i];
    value["tokens"].push_back(spelling(token.id));
    value["token_logprobs"].push_back(token.log_prob);
    if (request_.num_top == 0) continue;
    Json top = Json::object();  // the drawn token is always among them; of two tokens of one spelling the more probable one
    for (const auto& rival : run.top_of(i)) top.emplace(spelling(rival.id), rival.log_prob);
    top.emplace(spelling(token.id), token.log_prob);
    value["top_logprobs"].push_back(std::move(top));
  }
  return value;
}

Json CompletionAnswer::chat_log_probs(const TokenRun& run) const {
  const auto entry = [this](text::TokenId id, float log_prob) {
    Json bytes = Json::array();
    for (const char byte : tokenizer_.bytes_of(id)) bytes.push_back(static_cast<unsigned char>(byte));
    return Json{{"token", spelling(id)}, {"logprob", log_prob}, {"bytes", std::move(bytes)}};
  };
  Json list = Json::array();
  for (std::size_t i = 0; i < run.tokens.size(); ++i) {
    Json top = Json::array();
    for (const auto& rival : run.top_of(i)) top.push_back(entry(rival.id, rival.log_prob));
    list.push_back(entry(run.tokens[i].id, run.tokens[i].log_prob));
    list.back()["top_logprobs"] = std::move(top);
  }
  return {{"content", std::move(list)}, {"refusal", nullptr}};
}

Json CompletionAnswer::call_list(const ChoiceReader& reader, std::int64_t choice, bool with_index) const {
  chat::Message message;
  message.sender = chat::Sender::kAssistant;
  message.calls = reader.calls();
  for (std::size_t i = 0; i < message.calls.size(); ++i) {
    auto& id = message.calls[i].id;
    if (id.empty()) id = fmt::format("call_{}_{}_{}", id_.substr(id_.find('-') + 1), choice, i);
  }
  Json list = chat::messages_to_json({message})[0]["tool_calls"];
  if (with_index) {
    for (std::size_t i = 0; i < list.size(); ++i) list[i]["index"] = i;
  }
  return list;
}

void CompletionAnswer::add_end(Json& choice, const ChoiceReader& reader) const {
  choice["finish_reason"] = reader.finish_reason();
  choice["stop_reason"] = reader.stop_string() ? Json(*reader.stop_string()) : Json(nullptr);
}

std::string CompletionAnswer::whole(std::span<const ChoiceReader> choices, std::span<const std::vector<text::TokenId>> prompts, const Usage& usage) const {
  Json answer = frame(false);
  answer["choices"] = Json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& reader = choices[i];
    Json choice = {{"index", i}};
    if (request_.is_chat) {
      Json message = {{"role", "assistant"}, {"content", reader.text()}, {"refusal", nullptr}};
      if (!reader.calls().empty()) {
        message["tool_calls"] = call_list(reader, static_cast<std::int64_t>(i), false);
        if (reader.text().empty()) message["content"] = nullptr;
      }
      choice["message"] = std::move(message);
    } else {
      choice["text"] = reader.text();
    }
    choice["logprobs"] = request_.wants_log_probs ? log_probs(reader.run()) : Json(nullptr);
    add_end(choice, reader);
    if (request_.wants_token_ids) {
      choice["token_ids"] = id_list(reader.run().tokens);
      if (!request_.is_chat) choice["prompt_token_ids"] = id_list(prompts[i / static_cast<std::size_t>(request_.num_choices)]);
    }
    answer["choices"].push_back(std::move(choice));
  }
  if (request_.wants_token_ids && request_.is_chat) answer["prompt_token_ids"] = id_list(prompts.front());
  answer["usage"] = usage_json(usage);
  return line_of(answer);
}

std::string CompletionAnswer::chunk(Json choice) const {
  Json answer = frame(true);
  answer["choices"] = Json::array({std::move(choice)});
  if (request_.includes_usage) answer["usage"] = nullptr;
  return line_of(answer);
}

std::string CompletionAnswer::opening(std::int64_t choice) const {
  return chunk({{"index", choice}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"logprobs", nullptr}, {"finish_reason", nullptr}});
}

std::string CompletionAnswer::piece(std::int64_t choice, const std::string& text, const TokenRun& run) const {
  Json value = {{"index", choice}};
  if (request_.is_chat) {
    value["delta"] = {{"content", text}};
  } else {
    value["text"] = text;
  }
  value["logprobs"] = request_.wants_log_probs ? log_probs(run) : Json(nullptr);
  value["finish_reason"] = nullptr;
  if (request_.wants_token_ids) value["token_ids"] = id_list(run.tokens);
  return chunk(std::move(value));
}

std::string CompletionAnswer::calls(std::int64_t choice, const ChoiceReader& reader) const {
  return chunk({{"index", choice}, {"delta", {{"tool_calls", call_list(reader, choice, true)}}}, {"logprobs", nullptr}, {"finish_reason", nullptr}});
}

std::string CompletionAnswer::closing(std::int64_t choice, const ChoiceReader& reader) const {
  Json value = {{"index", choice}};
  if (request_.is_chat) {
    value["delta"] = Json::object();
  } else {
    value["text"] = "";
  }
  value["logprobs"] = nullptr;
  add_end(value, reader);
  return chunk(std::move(value));
}

std::string CompletionAnswer::totals(const Usage& usage) const {
  Json answer = frame(true);
  answer["choices"] = Json::array();
  answer["usage"] = usage_json(usage);
  return line_of(answer);
}

}  // namespace drover::openai
