#include "openai/remote_reply.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"

namespace drover::openai {
namespace {

using base::UserError;
using chat::Json;
using generate::Finish;
using generate::Response;

constexpr std::string_view kIdPrefix = "token_id:";
constexpr std::size_t kLongestError = 300;

Json parse_body(std::string_view body) {
  auto parsed = chat::parse_strict_json(body);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) {
    throw UserError("the answer is not JSON: {} at byte {} of {}", fault->reason, fault->offset, body.size());
  }
  auto value = std::get<Json>(std::move(parsed));
  if (!value.is_object()) throw UserError("the answer is not a JSON object");
  return value;
}

/// The value of a key; null stands for its absence.
const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_at(const Json& object, const char* key) {
  const auto* value = find(object, key);
  if (value == nullptr) return {};
  if (!value->is_string()) throw UserError("the answer's \"{}\" is not a text", key);
  return value->get<std::string>();
}

std::optional<text::TokenId> id_of(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return text::TokenId{static_cast<std::int32_t>(number)};
}

std::vector<text::TokenId> id_list(const Json& list) {
  std::vector<text::TokenId> ids;
  if (!list.is_array()) throw UserError("the answer's list of token ids is no list");
  for (const auto& value : list) {
    const auto id = id_of(value);
    if (!id) throw UserError("the answer's list of token ids holds something else");
    ids.push_back(*id);
  }
  return ids;
}

/// A reply's tokens as the server spells them, with their log-probabilities.
struct ListedTokens {
  std::vector<std::string> spellings;
  std::vector<float> log_probs;
};

void add_token(ListedTokens& tokens, const Json& spelling, const Json* log_prob) {
  if (!spelling.is_string() || log_prob == nullptr || !log_prob->is_number()) throw UserError("the answer's log-probabilities cannot be read");
  tokens.spellings.push_back(spelling.get<std::string>());
  tokens.log_probs.push_back(log_prob->get<float>());
}

/// Both shapes: {"content": [{"token", "logprob"}]} and {"tokens": [...], "token_logprobs": [...]}.
ListedTokens listed_tokens(const Json& choice) {
  ListedTokens tokens;
  const auto* log_probs = find(choice, "logprobs");
  if (log_probs == nullptr) return tokens;
  if (const auto* content = find(*log_probs, "content")) {
    if (!content->is_array()) throw UserError("the answer's log-probabilities are no list");
    for (const auto& entry : *content) {
      const auto* token = find(entry, "token");
      if (token == nullptr) throw UserError("the answer's log-probabilities name no token");
      add_token(tokens, *token, find(entry, "logprob"));
    }
  } else if (const auto* spelled = find(*log_probs, "tokens")) {
    const auto* numbers = find(*log_probs, "token_logprobs");
    if (!spelled->is_array() || numbers == nullptr || !numbers->is_array() || numbers->size() != spelled->size()) {
      throw UserError("the answer's tokens and log-probabilities differ in number");
    }
    for (std::size_t i = 0; i < spelled->size(); ++i) add_token(tokens, (*spelled)[i], &(*numbers)[i]);
  }
  return tokens;
}

std::optional<std::vector<text::TokenId>> ids_of_spellings(const std::vector<std::string>& spellings) {
  std::vector<text::TokenId> ids;
  for (const auto& spelling : spellings) {
    if (!spelling.starts_with(kIdPrefix) || spelling.size() > kIdPrefix.size() + 9) return std::nullopt;
    std::int32_t id = 0;
    if (spelling.size() == kIdPrefix.size()) return std::nullopt;
    for (const char digit : std::string_view(spelling).substr(kIdPrefix.size())) {
      if (digit < '0' || digit > '9') return std::nullopt;
      id = id * 10 + (digit - '0');
    }
    ids.push_back(text::TokenId{id});
  }
  return ids;
}

/// The tokenizer's ids for the text, when nothing speaks against them being the sampled ones.
std::vector<text::TokenId> ids_by_encoding(const text::Tokenizer& tokenizer, const std::string& text, const ListedTokens& tokens) {
  auto ids = tokenizer.encode(text);
  if (tokenizer.decode(ids) != text) return {};
  if (tokens.spellings.empty()) return ids;
  // A server may list the stop token behind the text.
  const auto listed = tokens.spellings.size();
  if (listed != ids.size() && listed != ids.size() + 1) return {};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (tokenizer.bytes_of(ids[i]) != tokens.spellings[i]) return {};
  }
  return ids;
}

Finish finish_of(const Json& choice, const engine::SamplingOptions& options) {
  const auto reason = text_at(choice, "finish_reason");
  if (reason == "length") return Finish::kLength;
  if (reason == "tool_calls" || reason == "function_call") return Finish::kTerminator;
  if (reason == "stop") {
    const auto* which = find(choice, "stop_reason");  // vLLM: the string, or the id
    if (which != nullptr) return which->is_string() ? Finish::kStopString : Finish::kTerminator;
    if (choice.contains("stop_reason")) return Finish::kTerminator;  // null: the model's own terminator
    return options.stop_strings.empty() ? Finish::kTerminator : Finish::kStopString;
  }
  if (reason == "abort" || reason == "content_filter") return Finish::kCancelled;
  throw UserError("the answer's finish_reason is \"{}\"", reason.substr(0, 40));
}

bool is_plain(const engine::SamplingOptions& options) {
  return options.temperature == 1 && options.top_k == 0 && options.top_p == 1 && options.min_p == 0 && options.repetition_penalty == 1 &&
         options.presence_penalty == 0 && options.frequency_penalty == 0 && options.logit_bias.empty() && options.min_tokens == 0;
}

/// The message as the server read it. A call that cannot be read is the model's fault, not the server's: it stays as text.
chat::ParsedReply reply_of_message(const Json& message, const std::string& content, Finish finish) {
  chat::Message said;
  said.sender = chat::Sender::kAssistant;
  said.content = content;
  chat::ParsedReply reply;
  if (const auto* calls = find(message, "tool_calls"); calls != nullptr && calls->is_array() && !calls->empty()) {
    try {
      const Json row = {{"role", "assistant"}, {"content", content}, {"tool_calls", *calls}};
      said.calls = chat::messages_from_json(Json::array({row}), "messages").front().calls;
    } catch (const UserError& error) {
      reply.fault = chat::ReplyFault{.kind = chat::ReplyFault::Kind::kMalformed, .reason = error.what(), .offset = 0};
      said.content += calls->dump();
    }
  }
  said.ending = finish != Finish::kTerminator ? chat::Ending::kCut : said.calls.empty() ? chat::Ending::kTurn : chat::Ending::kMessage;
  reply.messages = {std::move(said)};
  return reply;
}

Response read_choice(const Json& choice, const RemoteReplyContext& context) {
  if (!choice.is_object()) throw UserError("a choice of the answer is no object");
  const auto& options = context.request->options;
  Response response;
  response.finish = finish_of(choice, options);
  const Json nothing = Json::object();
  const auto* message = context.is_chat ? find(choice, "message") : &nothing;
  if (message == nullptr || !message->is_object()) throw UserError("a choice of the answer has no message");
  if (!context.is_chat && find(choice, "text") == nullptr) throw UserError("a choice of the answer has no text");
  response.text = context.is_chat ? text_at(*message, "content") : text_at(choice, "text");

  const auto tokens = listed_tokens(choice);
  const bool has_calls = find(*message, "tool_calls") != nullptr && !find(*message, "tool_calls")->empty();
  if (const auto* ids = find(choice, "token_ids")) {
    response.ids = id_list(*ids);
  } else if (auto spelled = ids_of_spellings(tokens.spellings); spelled && !spelled->empty()) {
    response.ids = std::move(*spelled);
  } else if (context.tokenizer != nullptr && !has_calls) {
    response.ids = ids_by_encoding(*context.tokenizer, response.text, tokens);
  }
  if (context.tokenizer != nullptr) {
    for (const auto id : response.ids) {
      if (text::to_int(id) >= context.tokenizer->vocab_size()) throw UserError("the answer holds token {}, which the tokenizer lacks", text::to_int(id));
    }
  }
  if (!response.ids.empty() && tokens.log_probs.size() >= response.ids.size() && tokens.log_probs.size() <= response.ids.size() + 1) {
    response.log_probs.assign(tokens.log_probs.begin(), tokens.log_probs.begin() + static_cast<std::ptrdiff_t>(response.ids.size()));
    if (is_plain(options)) response.sampled_log_probs = response.log_probs;
  }

  const bool ids_hold_all = find(choice, "token_ids") != nullptr || !ids_of_spellings(tokens.spellings).value_or(std::vector<text::TokenId>{}).empty();
  if (context.format != nullptr && ids_hold_all && context.request->prompt_ids.empty()) {
    response.reply = context.format->parse_reply(context.request->dialog, response.ids);
    response.text = context.format->tokenizer().decode(response.ids, {.skip_special = true});
  } else {
    response.reply = reply_of_message(*message, response.text, response.finish);
  }
  return response;
}

/// Text of a stranger, cut and without control characters.
std::string harmless(std::string_view text) {
  std::string out;
  for (const char letter : text.substr(0, kLongestError)) out += static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F ? ' ' : letter;
  // No half of a character at the end, and nothing that is no UTF-8.
  const std::string valid = Json(out).dump(-1, ' ', false, Json::error_handler_t::ignore);
  return Json::parse(valid).get<std::string>();
}

}  // namespace

std::vector<Response> read_remote_replies(std::string_view body, const RemoteReplyContext& context) {
  const auto answer = parse_body(body);
  const auto* choices = find(answer, "choices");
  if (choices == nullptr || !choices->is_array()) throw UserError("the answer has no list of choices");
  if (choices->empty()) throw UserError("the answer's list of choices is empty");
  std::vector<Response> responses;
  for (const auto& choice : *choices) responses.push_back(read_choice(choice, context));
  return responses;
}

std::vector<text::TokenId> read_remote_prompt(std::string_view body) {
  const auto answer = parse_body(body);
  const auto* ids = find(answer, "prompt_token_ids");
  if (ids == nullptr) {
    const auto* choices = find(answer, "choices");
    if (choices != nullptr && choices->is_array() && !choices->empty()) ids = find(choices->front(), "prompt_token_ids");
  }
  return ids == nullptr ? std::vector<text::TokenId>() : id_list(*ids);
}

std::string read_remote_error(std::string_view body) {
  auto parsed = chat::parse_strict_json(body);
  if (auto* value = std::get_if<Json>(&parsed)) {
    const auto* error = find(*value, "error");
    for (const auto* holder : {error, static_cast<const Json*>(value)}) {
      if (holder == nullptr) continue;
      if (holder->is_string()) return harmless(holder->get<std::string>());
      for (const char* key : {"message", "detail"}) {
        if (const auto* text = find(*holder, key)) return harmless(text->is_string() ? text->get<std::string>() : text->dump(-1, ' ', true));
      }
    }
  }
  return harmless(body);
}

}  // namespace drover::openai
