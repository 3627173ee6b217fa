#include "engine/tool_call_constraint.h"

#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "engine/grammar_constraint.h"
#include "engine/json_grammar.h"

namespace drover::engine {
namespace {

constexpr std::string_view kBegin = "<tool_call>";
constexpr std::string_view kEnd = "</tool_call>";

/// The functions' schemas as one document: {"NAME": SCHEMA, ...}; references are made to lead into the part they come from.
void move_references(SchemaJson& schema, const std::string& into) {
  if (schema.is_object()) {
    for (auto& [key, value] : schema.items()) {
      if (key == "$ref" && value.is_string() && value.get<std::string>().starts_with('#')) {
        value = into + value.get<std::string>().substr(1);
      } else {
        move_references(value, into);
      }
    }
  } else if (schema.is_array()) {
    for (SchemaJson& member : schema) move_references(member, into);
  }
}

SchemaJson document_of(std::span<const CallableFunction> functions) {
  if (functions.empty()) throw base::UserError("A call is demanded, but there is no function to call");
  SchemaJson document = SchemaJson::object();
  for (const CallableFunction& function : functions) {
    if (function.name.empty()) throw base::UserError("A function to call has no name");
    if (document.contains(function.name)) throw base::UserError("Two functions to call are named \"{}\"", function.name);
    SchemaJson schema = function.parameters;
    if (!schema.is_object()) throw base::UserError("The parameters of the function \"{}\" must be a JSON schema of an object", function.name);
    // Arguments are an object, also where the schema does not say so.
    if (!schema.contains("type")) schema["type"] = "object";
    if (schema["type"] != "object") throw base::UserError("The parameters of the function \"{}\" must be of type object", function.name);
    move_references(schema, place_of("#", function.name));
    document[function.name] = std::move(schema);
  }
  try {
    static_cast<void>(document.dump());
  } catch (const SchemaJson::exception&) {
    throw base::UserError("A function to call holds a text that is not valid UTF-8");
  }
  return document;
}

class CallWriter {
 public:
  CallWriter(const SchemaJson& document, ToolCallForm form, const VocabularyTrie& vocabulary)
      : schemas_(document),
        document_(document),
        form_(form),
        begin_(form == ToolCallForm::kLlama ? std::nullopt : vocabulary.token_symbol(kBegin)),
        end_(form == ToolCallForm::kLlama ? std::nullopt : vocabulary.token_symbol(kEnd)),
        grammar_(document_, {.escapes_less_than = form != ToolCallForm::kLlama && !begin_}, vocabulary.longest_token()) {}

  RuleId write(bool many_calls) {
    Nfa one("the call");
    std::vector<Nfa::Part> calls;
    for (const auto& [name, schema] : schemas_.items()) calls.push_back(call(one, name, schema));
    call_ = grammar_.add(one.determinised(one.any_of(calls)));
    if (form_ == ToolCallForm::kLlama) return *call_;
    Nfa nfa("the calls");
    const Nfa::Part whole = form_ == ToolCallForm::kQwen ? qwen(nfa, many_calls) : smollm2(nfa, many_calls);
    return grammar_.add(nfa.determinised(whole));
  }

  const std::vector<Rule>& rules() const { return grammar_.rules(); }

  /// The tags' tokens, which may stand as tags only.
  std::vector<text::TokenId> tags(const VocabularyTrie& vocabulary) const {
    std::vector<text::TokenId> ids;
    for (const auto& symbol : {begin_, end_}) {
      if (symbol) ids.push_back(vocabulary.token_of(*symbol));
    }
    return ids;
  }

 private:
  static Nfa::Part mark(Nfa& nfa, std::string_view text) { return nfa.sequence({nfa.bytes(text), nfa.optional(nfa.bytes(" "))}); }

  Nfa::Part call(Nfa& nfa, const std::string& name, const SchemaJson& schema) {
    const RuleId arguments = grammar_.rule_for(schema, place_of("#", name));
    const bool is_llama = form_ == ToolCallForm::kLlama;
    return nfa.sequence({nfa.bytes("{\"name\":"), nfa.optional(nfa.bytes(" ")), nfa.bytes(canonical_string(name, grammar_.spelling())),
                         mark(nfa, ","), nfa.bytes(is_llama ? "\"parameters\":" : "\"arguments\":"), nfa.optional(nfa.bytes(" ")),
                         nfa.call(arguments), nfa.bytes("}")});
  }

  Nfa::Part tag(Nfa& nfa, const std::optional<Symbol>& symbol, std::string_view spelling) {
    return symbol ? nfa.range(*symbol, *symbol) : nfa.bytes(spelling);
  }

  Nfa::Part qwen(Nfa& nfa, bool many_calls) {
    const auto tagged = [&] {
      return nfa.sequence({tag(nfa, begin_, kBegin), nfa.bytes("\n"), nfa.call(*call_), nfa.bytes("\n"), tag(nfa, end_, kEnd)});
    };
    const Nfa::Part first = tagged();
    return many_calls ? nfa.sequence({first, nfa.repeated(nfa.sequence({nfa.bytes("\n"), tagged()}))}) : first;
  }

  Nfa::Part smollm2(Nfa& nfa, bool many_calls) {
    Nfa::Part calls = nfa.call(*call_);
    if (many_calls) calls = nfa.sequence({calls, nfa.repeated(nfa.sequence({mark(nfa, ","), nfa.call(*call_)}))});
    return nfa.sequence({tag(nfa, begin_, kBegin), nfa.bytes("["), calls, nfa.bytes("]"), tag(nfa, end_, kEnd)});
  }

  const SchemaJson& schemas_;
  SchemaDocument document_;
  ToolCallForm form_;
  std::optional<Symbol> begin_;
  std::optional<Symbol> end_;
  JsonGrammar grammar_;
  std::optional<RuleId> call_;
};

}  // namespace

std::shared_ptr<const TokenConstraint> compile_tool_calls(std::span<const CallableFunction> functions, ToolCallForm form, bool many_calls,
                                                          std::shared_ptr<const VocabularyTrie> vocabulary) {
  const SchemaJson document = document_of(functions);
  CallWriter writer(document, form, *vocabulary);
  const RuleId start = writer.write(many_calls);
  std::vector<text::TokenId> tags = writer.tags(*vocabulary);
  return constrain_to(writer.rules(), start, std::move(vocabulary), "The demanded call", std::move(tags));
}

}  // namespace drover::engine
