#include "cli/sampling_arguments.h"

#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"
#include "engine/choice_constraint.h"
#include "engine/json_schema_constraint.h"
#include "engine/vocabulary_trie.h"

namespace drover::cli {
namespace {

/// A token by its spelling among the special ones, by its number, or as text that is one token.
text::TokenId token_of(const std::string& name, const text::Tokenizer& tokenizer, const char* option) {
  if (const auto special = tokenizer.special(name)) return *special;
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (number < 0 || number >= tokenizer.vocab_size()) {
      throw base::UserError("{} {}: the model has tokens 0 to {}.", option, name, tokenizer.vocab_size() - 1);
    }
    return text::TokenId{number};
  }
  const auto ids = tokenizer.encode(name);
  if (ids.size() != 1) {
    throw base::UserError("{} '{}': this is no token of the model but {} of them. Name a special token, an id, or use --stop for text.", option, name,
                          ids.size());
  }
  return ids[0];
}

engine::LogitBias bias_of(const std::string& text, const text::Tokenizer& tokenizer) {
  const auto equals = text.rfind('=');
  char* end = nullptr;
  const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
  const double bias = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0') throw base::UserError("--logit-bias '{}': write token=number, as --logit-bias 42=-5 or Yes=-inf.", text);
  return {.id = token_of(text.substr(0, equals), tokenizer, "--logit-bias"), .bias = bias};
}

nlohmann::ordered_json read_schema(const std::string& path) {
  const auto text = base::read_file(path, std::uint64_t{16} << 20);
  base::require_shallow_json(text, path);
  auto schema = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) throw base::UserError("{} is not valid JSON.", path);
  return schema;
}

}  // namespace

engine::SamplingOptions SamplingArguments::options_for(const text::Tokenizer& tokenizer) const {
  auto complete = options;
  for (const auto& name : stop_tokens) complete.stop_ids.push_back(token_of(name, tokenizer, "--stop-token"));
  for (const auto& text : logit_bias) complete.logit_bias.push_back(bias_of(text, tokenizer));
  complete.validate();
  return complete;
}

std::shared_ptr<const engine::TokenConstraint> SamplingArguments::constraint_for(const text::Tokenizer& tokenizer) const {
  if ((choices.empty() ? 0 : 1) + (json_schema.empty() ? 0 : 1) + (json_object ? 1 : 0) > 1) {
    throw base::UserError("--choice, --json-schema and --json-object exclude each other: a reply has one form.");
  }
  if (choices.empty() && json_schema.empty() && !json_object) return nullptr;
  auto vocabulary = std::make_shared<const engine::VocabularyTrie>(tokenizer);
  if (!choices.empty()) return engine::compile_choices(choices, std::move(vocabulary));
  if (json_object) return engine::compile_json_object(std::move(vocabulary));
  return engine::compile_json_schema(read_schema(json_schema), std::move(vocabulary));
}

void add_sampling_options(CLI::App& command, SamplingArguments& arguments) {
  auto& options = arguments.options;
  command.add_option("--temperature", options.temperature, "0 takes the most probable token")->capture_default_str();
  command.add_option("--top-k", options.top_k, "samples from this many most probable tokens; 0: off")->capture_default_str();
  command.add_option("--top-p", options.top_p, "samples from the fewest tokens that reach this probability; 1: off")->capture_default_str();
  command.add_option("--min-p", options.min_p, "leaves out tokens below this share of the most probable one; 0: off")->capture_default_str();
  command.add_option("--repetition-penalty", options.repetition_penalty, "divides the logits of tokens that were there before; 1: off")->capture_default_str();
  command.add_option("--presence-penalty", options.presence_penalty, "is taken from the logits of tokens in the reply")->capture_default_str();
  command.add_option("--frequency-penalty", options.frequency_penalty, "is taken from a token's logit for each time in the reply")->capture_default_str();
  command.add_option("--logit-bias", arguments.logit_bias, "token=number: added to the token's logit; -inf forbids it");
  command.add_option("--max-tokens", options.max_tokens, "longest reply")->capture_default_str();
  command.add_option("--min-tokens", options.min_tokens, "shortest reply: before, no stop token is drawn and no stop text counts")->capture_default_str();
  command.add_option("--stop", options.stop_strings, "text that ends a reply");
  command.add_option("--stop-token", arguments.stop_tokens, "token that ends a reply, beside the format's own");
  command.add_option("--seed", options.seed, "another seed, other replies")->capture_default_str();
  command.add_option("--choice", arguments.choices, "the reply is one of these texts");
  command.add_option("--json-schema", arguments.json_schema, "the reply is JSON of the schema in this file");
  command.add_flag("--json-object", arguments.json_object, "the reply is a JSON object");
}

}  // namespace drover::cli
