#include "text/split_step.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/known_patterns.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using nlohmann::json;
using Kind = SplitStep::Kind;

// Hugging Face's Punctuation: all of ASCII's, and \p{P} beyond.
constexpr const char* kPunctuation = R"([\p{P}$+<=>\^`|~])";

std::string string_in(const json& object, const char* key, std::string_view where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    throw base::UserError("{}: a pre_tokenizer step lacks the string '{}'.", where, key);
  }
  return found->get<std::string>();
}

bool flag_in(const json& object, const char* key, bool otherwise, std::string_view where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    throw base::UserError("{}: '{}' of a pre_tokenizer step is neither true nor false.", where, key);
  return found->get<bool>();
}

SplitBehavior behavior_named(const std::string& name, std::string_view where) {
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  throw base::UserError("{}: pre_tokenizer has the split behavior '{}', which drover does not know.", where, name);
}

SplitStep read_split(const json& step, std::string_view where) {
  SplitStep split;
  const auto pattern = step.find("pattern");
  if (pattern == step.end() || !pattern->is_object())
    throw base::UserError("{}: a Split of the pre_tokenizer has no pattern.", where);
  if (pattern->contains("Regex")) {
    split.pattern = string_in(*pattern, "Regex", where);
  } else {
    split.kind = Kind::kLiteral;
    split.pattern = string_in(*pattern, "String", where);
  }
  split.behavior = behavior_named(string_in(step, "behavior", where), where);
  split.invert = flag_in(step, "invert", false, where);
  return split;
}

void append_byte_level(const json& step, std::vector<SplitStep>& steps, std::string_view where) {
  if (flag_in(step, "add_prefix_space", true, where)) steps.push_back({.kind = Kind::kAddPrefixSpace});
  if (flag_in(step, "use_regex", true, where)) steps.push_back({.pattern = std::string(known_pattern::kGpt2)});
  steps.push_back({.kind = Kind::kSpellBytes});
}

SplitStep read_delimiter(const json& step, std::string_view where) {
  const std::string delimiter = string_in(step, "delimiter", where);
  return {.kind = Kind::kLiteral, .pattern = delimiter, .behavior = SplitBehavior::kRemoved};
}

void append_steps(const json& part, std::vector<SplitStep>& steps, std::string_view where) {
  if (!part.is_object()) throw base::UserError("{}: pre_tokenizer is not an object.", where);
  const std::string type = string_in(part, "type", where);
  if (type == "ByteLevel") {
    append_byte_level(part, steps, where);
  } else if (type == "Split") {
    steps.push_back(read_split(part, where));
  } else if (type == "Digits") {
    const bool individual = flag_in(part, "individual_digits", false, where);
    steps.push_back(
        {.pattern = R"(\p{N})", .behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "Punctuation") {
    const std::string behavior = part.contains("behavior") ? string_in(part, "behavior", where) : "Isolated";
    steps.push_back({.pattern = kPunctuation, .behavior = behavior_named(behavior, where)});
  } else if (type == "Whitespace") {
    steps.push_back({.pattern = R"(\w+|[^\w\s]+)", .behavior = SplitBehavior::kRemoved, .invert = true});
  } else if (type == "WhitespaceSplit") {
    steps.push_back({.pattern = R"(\s)", .behavior = SplitBehavior::kRemoved});
  } else if (type == "CharDelimiterSplit") {
    steps.push_back(read_delimiter(part, where));
  } else if (type == "Sequence") {
    const auto parts = part.find("pretokenizers");
    if (parts == part.end() || !parts->is_array())
      throw base::UserError("{}: a Sequence of the pre_tokenizer has no list.", where);
    for (const json& inner : *parts) {
      // Sequences within sequences do not occur; refusing them bounds the depth.
      if (inner.is_object() && inner.value("type", json()) == "Sequence") {
        throw base::UserError("{}: the pre_tokenizer nests one Sequence in another.", where);
      }
      append_steps(inner, steps, where);
    }
  } else {
    throw base::UserError("{}: the pre_tokenizer step '{}' is not supported for byte-level BPE.", where, type);
  }
}

}  // namespace

std::vector<SplitStep> read_split_steps(const json& pre_tokenizer, std::string_view where) {
  std::vector<SplitStep> steps;
  append_steps(pre_tokenizer, steps, where);
  const auto spells = [](const SplitStep& step) { return step.kind == Kind::kSpellBytes; };
  if (std::none_of(steps.begin(), steps.end(), spells)) {
    throw base::UserError(
        "{}: the pre_tokenizer has no ByteLevel step, though the decoder has. Such tokenizers are not supported.",
        where);
  }
  return steps;
}

}  // namespace drover::text
