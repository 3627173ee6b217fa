#include "openai/completion_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "base/error.h"
#include "base/nearest_name.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"
#include "openai/api_error.h"

namespace drover::openai {
namespace {

using chat::Json;

constexpr std::size_t kMostStopStrings = 16;
constexpr std::size_t kMostInputs = 2048;
constexpr std::int64_t kMostTopOfChats = 20;  // the protocol's
constexpr std::int64_t kMostTopOfTexts = 5;

/// A request's object. Keeps account of the fields that were looked at; null counts as absent.
class Fields {
 public:
  explicit Fields(Json object) : object_(std::move(object)) {}

  const Json* find(const char* name) {
    known_.push_back(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const char* name) {
    const auto* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) fail(name, "must be a text");
    return value->get<std::string>();
  }
  bool flag(const char* name, bool otherwise = false) {
    const auto* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) fail(name, "must be true or false");
    return value->get<bool>();
  }
  std::optional<std::int64_t> whole(const char* name, std::int64_t least, std::int64_t most) {
    const auto* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!is_whole(*value, least, most)) fail(name, fmt::format("must be a whole number from {} to {}", least, most));
    return value->get<std::int64_t>();
  }
  double number(const char* name, double otherwise, double least, double most) {
    const auto* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) fail(name, "must be a number");
    const auto got = value->get<double>();
    if (!(got >= least && got <= most)) fail(name, fmt::format("must be from {} to {}", least, most));
    return got;
  }

  /// Fields that say nothing about the reply.
  void ignore(std::initializer_list<const char*> names) { known_.insert(known_.end(), names.begin(), names.end()); }
  /// A field whose every value but this one asks for something that is not offered.
  void only(const char* name, const Json& offered, std::string_view why) {
    const auto* value = find(name);
    if (value != nullptr && *value != offered) fail(name, why);
  }

  void refuse_unknown() const {
    for (const auto& entry : object_.items()) {
      const std::string_view name = entry.key();
      if (entry.value().is_null() || std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const std::string shown(name.substr(0, 60));
      throw ApiError(400, fmt::format("The field \"{}\" is not known here{}.", shown, base::suggestion(shown, known_)), shown);
    }
  }

  [[noreturn]] static void fail(std::string_view name, std::string_view why) {
    throw ApiError(400, fmt::format("\"{}\" {}.", name, why), std::string(name));
  }

  const Json& object() const { return object_; }

  static bool is_whole(const Json& value, std::int64_t least, std::int64_t most) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
    return value.is_number_integer() && value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
  }

 private:
  Json object_;
  std::vector<std::string_view> known_;  // literals
};

Json parse_object(std::string_view body) {
  auto parsed = chat::parse_strict_json(body);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) {
    throw ApiError(400, fmt::format("The body is not JSON at byte {}: {}.", fault->offset, fault->reason));
  }
  auto value = std::get<Json>(std::move(parsed));
  if (!value.is_object()) throw ApiError(400, "The body is not a JSON object.");
  return value;
}

text::TokenId id_from(const Json& value, const char* field) {
  if (!Fields::is_whole(value, 0, std::numeric_limits<std::int32_t>::max())) Fields::fail(field, "holds something that is no token id");
  return text::TokenId{value.get<std::int32_t>()};
}

std::vector<text::TokenId> ids_from(const Json& list, const char* field) {
  std::vector<text::TokenId> ids;
  for (const auto& value : list) ids.push_back(id_from(value, field));
  return ids;
}

void read_stops(Fields& fields, engine::SamplingOptions& options) {
  if (const auto* stop = fields.find("stop")) {
    const Json list = stop->is_string() ? Json::array({*stop}) : *stop;
    if (!list.is_array()) Fields::fail("stop", "must be a text or a list of texts");
    if (list.size() > kMostStopStrings) Fields::fail("stop", fmt::format("may hold {} texts at most", kMostStopStrings));
    for (const auto& entry : list) {
      if (!entry.is_string() || entry.get_ref<const std::string&>().empty()) Fields::fail("stop", "holds something that is no text, or an empty one");
      options.stop_strings.push_back(entry.get<std::string>());
    }
  }
  if (const auto* ids = fields.find("stop_token_ids")) {
    if (!ids->is_array() || ids->size() > 1024) Fields::fail("stop_token_ids", "must be a list of at most 1024 token ids");
    options.stop_ids = ids_from(*ids, "stop_token_ids");
  }
}

void read_bias(Fields& fields, engine::SamplingOptions& options) {
  const auto* biases = fields.find("logit_bias");
  if (biases == nullptr) return;
  if (!biases->is_object() || biases->size() > 1024) Fields::fail("logit_bias", "must be an object of at most 1024 token ids and numbers");
  for (const auto& [key, value] : biases->items()) {
    const bool is_id = !key.empty() && key.size() <= 9 && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_id || !value.is_number()) Fields::fail("logit_bias", "must hold token ids and numbers");
    const auto bias = value.get<double>();
    if (!(bias >= -100 && bias <= 100)) Fields::fail("logit_bias", "holds a number that is not from -100 to 100");
    // The protocol: -100 bans a token.
    options.logit_bias.push_back({.id = text::TokenId{static_cast<std::int32_t>(std::stol(key))},
                                  .bias = bias == -100 ? -std::numeric_limits<double>::infinity() : bias});
  }
}

void read_sampling(Fields& fields, CompletionRequest& request) {
  auto& options = request.options;
  options.temperature = fields.number("temperature", 1, 0, 100);
  options.top_p = fields.number("top_p", 1, 0, 1);
  if (options.top_p == 0) options.top_p = std::numeric_limits<double>::min();  // the most probable token alone
  options.min_p = fields.number("min_p", 0, 0, 1);
  options.top_k = std::max<std::int64_t>(0, fields.whole("top_k", -1, std::numeric_limits<std::int32_t>::max()).value_or(0));
  options.presence_penalty = fields.number("presence_penalty", 0, -100, 100);
  options.frequency_penalty = fields.number("frequency_penalty", 0, -100, 100);
  options.repetition_penalty = fields.number("repetition_penalty", 1, 0.01, 100);
  read_stops(fields, options);
  read_bias(fields, options);
  request.ignores_end = fields.flag("ignore_eos");
}

void read_seed(Fields& fields, CompletionRequest& request) {
  const auto* seed = fields.find("seed");
  if (seed == nullptr) return;
  if (!seed->is_number_integer()) Fields::fail("seed", "must be a whole number");
  request.has_seed = true;
  request.options.seed = seed->is_number_unsigned() ? seed->get<std::uint64_t>() : static_cast<std::uint64_t>(seed->get<std::int64_t>());
}

/// The lengths. Checked against the server's limit here, against the model's positions by the engine.
void read_lengths(Fields& fields, const RequestLimits& limits, CompletionRequest& request, std::int64_t otherwise) {
  constexpr auto kAny = std::int64_t{1} << 40;
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    const auto asked = fields.whole(name, 1, kAny);
    if (!asked) continue;
    if (request.max_tokens && *request.max_tokens != *asked) Fields::fail(name, "and \"max_tokens\" say different things");
    if (*asked > limits.max_tokens) Fields::fail(name, fmt::format("= {} is more than this server's limit of {}", *asked, limits.max_tokens));
    request.max_tokens = asked;
  }
  request.options.max_tokens = request.max_tokens.value_or(std::min(otherwise, limits.max_tokens));
  request.options.min_tokens = fields.whole("min_tokens", 0, request.options.max_tokens).value_or(0);
}

void read_delivery(Fields& fields, const RequestLimits& limits, CompletionRequest& request) {
  request.num_choices = fields.whole("n", 1, limits.max_choices).value_or(1);
  request.streams = fields.flag("stream");
  if (const auto* options = fields.find("stream_options")) {
    if (!request.streams) Fields::fail("stream_options", "is for streams: set \"stream\" as well");
    if (!options->is_object()) Fields::fail("stream_options", "must be an object");
    Fields inner(*options);
    request.includes_usage = inner.flag("include_usage");
    inner.ignore({"include_obfuscation", "continuous_usage_stats"});
    inner.refuse_unknown();
  }
  request.wants_token_ids = fields.flag("return_token_ids");
  request.spells_ids = fields.flag("return_tokens_as_token_ids");
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prediction",
                 "priority", "request_id", "cache_prompt", "timeout"});
  fields.only("skip_special_tokens", true, "can only be true: special tokens are never text here");
  fields.only("spaces_between_special_tokens", true, "can only be true");
  fields.only("include_stop_str_in_output", false, "can only be false");
  fields.only("best_of", request.num_choices, "can only be the same as \"n\"");
  fields.only("use_beam_search", false, "can only be false: replies are sampled");
}

void read_tool_choice(Fields& fields, CompletionRequest& request) {
  const auto* choice = fields.find("tool_choice");
  fields.only("parallel_tool_calls", true, "can only be true: the model decides how many calls it makes");
  if (choice == nullptr) return;
  const auto& tools = request.dialog.tools;
  if (choice->is_string()) {
    const auto& word = choice->get_ref<const std::string&>();
    if (word == "none") request.tool_choice = ToolChoice::kNone;
    if (word == "required") request.tool_choice = ToolChoice::kRequired;
    if (word != "none" && word != "auto" && word != "required") Fields::fail("tool_choice", "must be \"none\", \"auto\", \"required\" or a function");
  } else {
    const Json* function = choice->is_object() && choice->contains("function") ? &choice->at("function") : nullptr;
    const bool names_one = function != nullptr && function->is_object() && function->contains("name") && function->at("name").is_string();
    if (!names_one) Fields::fail("tool_choice", "must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": ...}}");
    request.tool_choice = ToolChoice::kRequired;
    request.tool_name = function->at("name").get<std::string>();
    const bool is_offered = std::any_of(tools.begin(), tools.end(), [&](const auto& tool) { return tool.name == request.tool_name; });
    if (!is_offered) Fields::fail("tool_choice", "names a function that is not among \"tools\"");
  }
  if (request.tool_choice == ToolChoice::kRequired && tools.empty()) Fields::fail("tool_choice", "requires a call, but there are no \"tools\"");
}

void read_response_format(Fields& fields, CompletionRequest& request) {
  const auto* format = fields.find("response_format");
  if (format == nullptr) return;
  const auto type = format->is_object() && format->contains("type") && format->at("type").is_string() ? format->at("type").get<std::string>() : "";
  if (type == "text") return;
  if (type != "json_object" && type != "json_schema") Fields::fail("response_format", "must have the type \"text\", \"json_object\" or \"json_schema\"");
  request.wants_json = true;
  if (type == "json_object") return;
  const Json* holder = format->contains("json_schema") ? &format->at("json_schema") : nullptr;
  if (holder == nullptr || !holder->is_object() || !holder->contains("schema")) Fields::fail("response_format", "lacks json_schema.schema");
  request.schema = holder->at("schema").dump();
}

/// Turns what the dialog's reader complains about into an answer.
template <typename Read>
auto as_api_error(const char* field, Read read) {
  try {
    return read();
  } catch (const base::UserError& error) {
    throw ApiError(400, error.what(), field);
  }
}

void read_dialog(Fields& fields, CompletionRequest& request) {
  const auto* messages = fields.find("messages");
  if (messages == nullptr) Fields::fail("messages", "is missing");
  Json list = *messages;
  // "name" tells the speakers of one role apart; models do not see it.
  if (list.is_array()) {
    for (auto& message : list) {
      if (message.is_object() && message.contains("role") && message["role"] != "tool" && message.contains("name")) message.erase("name");
    }
  }
  request.dialog.messages = as_api_error("messages", [&] { return chat::messages_from_json(list, "messages"); });
  Json extras = Json::object();
  for (const char* name : {"tools", "core_tools", "today"}) {
    if (const auto* value = fields.find(name)) extras[name] = *value;
  }
  as_api_error("tools", [&] {
    chat::read_dialog_extras(extras, request.dialog);
    return 0;
  });
}

/// "prompt" or "input": a text, ids, or a list of one kind.
std::vector<std::variant<std::string, std::vector<text::TokenId>>> read_texts(Fields& fields, const char* name, std::size_t most) {
  const auto* value = fields.find(name);
  if (value == nullptr) Fields::fail(name, "is missing");
  std::vector<std::variant<std::string, std::vector<text::TokenId>>> texts;
  const bool is_one = value->is_string() || (value->is_array() && !value->empty() && value->front().is_number());
  const Json list = is_one ? Json::array({*value}) : *value;
  if (!list.is_array() || list.empty()) Fields::fail(name, "must be a text, a list of texts, or token ids");
  if (list.size() > most) Fields::fail(name, fmt::format("holds {} entries; {} are possible", list.size(), most));
  for (const auto& entry : list) {
    if (entry.is_string()) {
      texts.emplace_back(entry.get<std::string>());
    } else if (entry.is_array()) {
      texts.emplace_back(ids_from(entry, name));
    } else {
      Fields::fail(name, "must be a text, a list of texts, or token ids");
    }
  }
  return texts;
}

/// The most probable tokens of each position make an answer many times larger. One choice is always possible: max_tokens bounds it.
void refuse_too_many_listed(const CompletionRequest& request, const RequestLimits& limits, const char* field) {
  const auto choices = request.num_choices * std::max<std::int64_t>(1, std::ssize(request.prompts));
  if (choices == 1 || request.num_top == 0 || request.options.max_tokens <= limits.max_listed / (choices * (request.num_top + 1))) return;
  Fields::fail(field, fmt::format("= {} lists too much for {} choices of up to {} tokens: {} log-probabilities an answer are possible. Lower max_tokens or n",
                                  request.num_top, choices, request.options.max_tokens, limits.max_listed));
}

}  // namespace

CompletionRequest read_chat_request(std::string_view body, const RequestLimits& limits) {
  Fields fields(parse_object(body));
  CompletionRequest request;
  request.model = fields.text("model");
  read_dialog(fields, request);
  read_sampling(fields, request);
  read_seed(fields, request);
  read_lengths(fields, limits, request, limits.max_tokens);
  read_delivery(fields, limits, request);
  read_tool_choice(fields, request);
  read_response_format(fields, request);
  request.wants_log_probs = fields.flag("logprobs");
  request.num_top = fields.whole("top_logprobs", 0, kMostTopOfChats).value_or(0);
  if (request.num_top > 0 && !request.wants_log_probs) Fields::fail("top_logprobs", "needs \"logprobs\": true");
  refuse_too_many_listed(request, limits, "top_logprobs");
  fields.only("add_generation_prompt", true, "can only be true");
  fields.only("continue_final_message", false, "can only be false");
  fields.only("modalities", Json::array({"text"}), "can only be [\"text\"]");
  for (const char* old : {"functions", "function_call"}) {
    if (fields.find(old) != nullptr) Fields::fail(old, "was replaced by \"tools\" and \"tool_choice\" in the protocol; use these");
  }
  for (const char* absent : {"audio", "web_search_options", "reasoning_effort", "verbosity", "chat_template"}) {
    if (fields.find(absent) != nullptr) Fields::fail(absent, "is not offered by this server");
  }
  fields.refuse_unknown();
  return request;
}

CompletionRequest read_text_request(std::string_view body, const RequestLimits& limits) {
  constexpr std::int64_t kProtocolsLength = 16;  // OpenAI's default for this path
  Fields fields(parse_object(body));
  CompletionRequest request;
  request.is_chat = false;
  request.model = fields.text("model");
  request.prompts = read_texts(fields, "prompt", static_cast<std::size_t>(limits.max_choices));
  read_sampling(fields, request);
  read_seed(fields, request);
  read_lengths(fields, limits, request, kProtocolsLength);
  read_delivery(fields, limits, request);
  read_response_format(fields, request);
  if (static_cast<std::int64_t>(request.prompts.size()) * request.num_choices > limits.max_choices) {
    Fields::fail("n", fmt::format("times the number of prompts is more than {}", limits.max_choices));
  }
  if (const auto count = fields.whole("logprobs", 0, kMostTopOfTexts)) {
    request.wants_log_probs = true;
    request.num_top = *count;
    refuse_too_many_listed(request, limits, "logprobs");
  }
  fields.only("echo", false, "can only be false");
  fields.only("suffix", "", "is not offered by this server");
  fields.refuse_unknown();
  return request;
}

EmbeddingRequest read_embedding_request(std::string_view body, const RequestLimits&) {
  Fields fields(parse_object(body));
  EmbeddingRequest request;
  request.model = fields.text("model");
  request.inputs = read_texts(fields, "input", kMostInputs);
  const auto format = fields.text("encoding_format");
  if (!format.empty() && format != "float" && format != "base64") Fields::fail("encoding_format", "must be \"float\" or \"base64\"");
  request.as_base64 = format == "base64";
  if (fields.find("dimensions") != nullptr) Fields::fail("dimensions", "is not offered: vectors have the model's own length");
  fields.ignore({"user"});
  fields.refuse_unknown();
  return request;
}

}  // namespace drover::openai
