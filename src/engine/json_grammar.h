#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/json_schema_alternatives.h"
#include "engine/json_string_rule.h"
#include "engine/nfa.h"

namespace drover::engine {

/// Builds the rules of JSON texts that satisfy schemas. One rule stands for one list of alternatives, so schemas that refer to
/// themselves end. See compile_json_schema() for what the texts look like.
class JsonGrammar {
 public:
  /// `document` must outlive this object. `longest_token` in bytes.
  JsonGrammar(const SchemaDocument& document, StringSpelling spelling, std::int32_t longest_token);

  /// The rule of JSON texts that satisfy `schema`; a part of this document or of its own.
  RuleId rule_for(const SchemaJson& schema, const std::string& place);
  /// A rule made elsewhere.
  RuleId add(Rule rule);

  /// All rules so far, indexed by RuleId.
  const std::vector<Rule>& rules() const { return rules_; }
  const StringSpelling& spelling() const { return spelling_; }

 private:
  RuleId reserve();
  RuleId remembered(const std::string& key, const std::string& place, const std::function<Rule()>& make);
  RuleId any_json();
  RuleId free_string();
  RuleId wide_character();
  RuleId string(const PlainSchema& schema);
  RuleId number(const PlainSchema& schema, bool is_integer);
  RuleId keys_other_than(const SchemaJson& properties, const std::string& place);

  Rule built(const std::vector<PlainSchema>& alternatives, const std::string& place);
  Nfa::Part alternative(Nfa& nfa, const PlainSchema& schema);
  Nfa::Part of_type(Nfa& nfa, const PlainSchema& schema, const std::string& type);
  Nfa::Part values(Nfa& nfa, const PlainSchema& schema);
  Nfa::Part value(Nfa& nfa, const SchemaJson& json);
  Nfa::Part object(Nfa& nfa, const PlainSchema& schema);
  Nfa::Part array(Nfa& nfa, const PlainSchema& schema);
  /// A mark and the one blank that may follow it.
  Nfa::Part mark(Nfa& nfa, std::string_view text);

  const SchemaDocument& document_;
  StringSpelling spelling_;
  std::int32_t longest_token_;
  std::vector<Rule> rules_;
  std::size_t num_states_ = 0;
  int depth_ = 0;
  std::map<std::string, RuleId> known_;
};

}  // namespace drover::engine
