#include "verify/instruction_rules.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/nearest_name.h"
#include "text/language_id.h"
#include "verify/marked_text.h"
#include "verify/python_pattern.h"
#include "verify/python_string.h"
#include "verify/sentences.h"
#include "verify/treebank_words.h"

namespace drover::verify {
namespace {

using View = std::u32string_view;

constexpr std::int64_t kLargestCount = 1'000'000;

// --- arguments -----------------------------------------------------------------------------------------------------------

const chat::Json& argument(const Instruction& instruction, const char* name) {
  const auto found = instruction.arguments.find(name);
  if (found == instruction.arguments.end()) throw base::UserError("The instruction {} needs \"{}\".", instruction.id, name);
  return *found;
}

std::size_t count_at(const Instruction& instruction, const char* name) {
  const auto& value = argument(instruction, name);
  // Some copies of the set hold counts as 3.0.
  const bool is_whole = value.is_number_integer() || (value.is_number_float() && value.get<double>() >= 0 && value.get<double>() <= 1e6 &&
                                                      value.get<double>() == static_cast<double>(static_cast<std::int64_t>(value.get<double>())));
  if (!is_whole || value.get<double>() < 0 || value.get<double>() > static_cast<double>(kLargestCount)) {
    throw base::UserError("\"{}\" of {} must be a whole number from 0 to {}.", name, instruction.id, kLargestCount);
  }
  return static_cast<std::size_t>(value.get<double>());
}

std::string text_at(const Instruction& instruction, const char* name) {
  const auto& value = argument(instruction, name);
  if (!value.is_string()) throw base::UserError("\"{}\" of {} must be a text.", name, instruction.id);
  return encode(strip(decode(value.get<std::string>())));
}

std::vector<std::string> texts_at(const Instruction& instruction, const char* name) {
  const auto& value = argument(instruction, name);
  std::vector<std::string> texts;
  if (value.is_array()) {
    for (const auto& entry : value) {
      if (entry.is_string()) texts.push_back(entry.get<std::string>());
    }
  }
  if (!value.is_array() || texts.size() != value.size() || texts.empty()) {
    throw base::UserError("\"{}\" of {} must be a list of texts, at least one.", name, instruction.id);
  }
  return texts;
}

// "less than" or "at least" of a number.
struct Relation {
  bool is_less = false;
  std::size_t bound = 0;
  bool holds(std::size_t count) const { return is_less ? count < bound : count >= bound; }
};

Relation relation_at(const Instruction& instruction, const char* relation, const char* bound) {
  const auto word = text_at(instruction, relation);
  if (word != "less than" && word != "at least") {
    throw base::UserError("\"{}\" of {} is \"{}\", but must be \"less than\" or \"at least\".", relation, instruction.id, word);
  }
  return {word == "less than", count_at(instruction, bound)};
}

// --- rules ---------------------------------------------------------------------------------------------------------------

InstructionRule keywords_rule(const Instruction& instruction) {
  std::vector<PythonPattern> patterns;
  for (const auto& word : texts_at(instruction, "keywords")) patterns.emplace_back(word);
  return [patterns](const std::u32string& reply) {
    const auto text = encode(reply);
    return std::all_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return pattern.is_found_in(text); });
  };
}

InstructionRule forbidden_words_rule(const Instruction& instruction) {
  std::vector<PythonPattern> patterns;
  for (const auto& word : texts_at(instruction, "forbidden_words")) patterns.emplace_back("\\b" + word + "\\b");
  return [patterns](const std::u32string& reply) {
    const auto text = encode(reply);
    return std::none_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return pattern.is_found_in(text); });
  };
}

InstructionRule keyword_frequency_rule(const Instruction& instruction) {
  return [pattern = PythonPattern(text_at(instruction, "keyword")), relation = relation_at(instruction, "relation", "frequency")](
             const std::u32string& reply) { return relation.holds(pattern.count(encode(reply))); };
}

InstructionRule letter_frequency_rule(const Instruction& instruction) {
  const auto letter = lower(decode(text_at(instruction, "letter")));
  if (letter.size() != 1) throw base::UserError("\"letter\" of {} must be one character.", instruction.id);
  return [c = letter[0], relation = relation_at(instruction, "let_relation", "let_frequency")](const std::u32string& reply) {
    const auto small = lower(View(reply));
    return relation.holds(static_cast<std::size_t>(std::count(small.begin(), small.end(), c)));
  };
}

// Undetectable counts as followed, as in the published scorer.
bool is_in_language(const std::u32string& reply, std::string_view code) {
  // The model was trained on ordinary writing and takes capitals for another language.
  const auto found = text::LanguageIdentifier::installed()->detect(encode(is_upper(reply) ? lower(View(reply)) : reply));
  return !found || found->code == code;
}

InstructionRule language_rule(const Instruction& instruction) {
  return [code = text_at(instruction, "language")](const std::u32string& reply) { return is_in_language(reply, code); };
}

InstructionRule sentences_rule(const Instruction& instruction) {
  return [relation = relation_at(instruction, "relation", "num_sentences")](const std::u32string& reply) {
    return relation.holds(sentences_of(reply).size());
  };
}

InstructionRule words_rule(const Instruction& instruction) {
  return [relation = relation_at(instruction, "relation", "num_words")](const std::u32string& reply) { return relation.holds(count_words(reply)); };
}

InstructionRule paragraphs_rule(const Instruction& instruction) {
  return [wanted = count_at(instruction, "num_paragraphs")](const std::u32string& reply) {
    return count_divided_paragraphs(reply) == wanted;
  };
}

InstructionRule first_word_rule(const Instruction& instruction) {
  const auto wanted = count_at(instruction, "num_paragraphs");
  const auto nth = count_at(instruction, "nth_paragraph");
  if (nth < 1 || nth > wanted) throw base::UserError("\"nth_paragraph\" of {} is {}, but there are {} paragraphs.", instruction.id, nth, wanted);
  return [wanted, nth, word = lower(decode(text_at(instruction, "first_word")))](const std::u32string& reply) {
    const auto paragraphs = split(reply, U"\n\n");
    const auto num_paragraphs = static_cast<std::size_t>(std::count_if(paragraphs.begin(), paragraphs.end(), [](View p) { return !is_blank(p); }));
    if (nth > num_paragraphs || is_blank(paragraphs[nth - 1])) return false;
    return num_paragraphs == wanted && first_word_of(paragraphs[nth - 1]) == word;
  };
}

InstructionRule postscript_rule(const Instruction& instruction) {
  const auto marker = text_at(instruction, "postscript_marker");
  const auto pattern = marker == "P.P.S" ? "p\\.\\s?p\\.\\s?s" : marker == "P.S." ? "p\\.\\s?s\\." : encode(lower(decode(marker)));
  return [compiled = PythonPattern(pattern, false)](const std::u32string& reply) { return compiled.is_found_in(encode(lower(View(reply)))); };
}

InstructionRule sections_rule(const Instruction& instruction) {
  const PythonPattern pattern("\\s?" + text_at(instruction, "section_spliter") + "\\s?\\d+\\s?", false);
  return [pattern, wanted = count_at(instruction, "num_sections")](const std::u32string& reply) {
    return pattern.count(encode(reply)) >= wanted;
  };
}

InstructionRule repeat_prompt_rule(const Instruction& instruction) {
  return [prompt = lower(decode(text_at(instruction, "prompt_to_repeat")))](const std::u32string& reply) {
    return lower(strip(reply)).starts_with(prompt);
  };
}

InstructionRule end_rule(const Instruction& instruction) {
  return [phrase = lower(decode(text_at(instruction, "end_phrase")))](const std::u32string& reply) {
    return lower(strip(strip(reply), U"\"")).ends_with(phrase);
  };
}

InstructionRule capital_words_rule(const Instruction& instruction) {
  return [relation = relation_at(instruction, "capital_relation", "capital_frequency")](const std::u32string& reply) {
    const auto words = treebank_words(reply);
    return relation.holds(static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [](const auto& word) { return is_upper(word); })));
  };
}

template <std::size_t (*Count)(View)>
InstructionRule at_least_rule(const Instruction& instruction, const char* name) {
  return [wanted = count_at(instruction, name)](const std::u32string& reply) { return Count(reply) >= wanted; };
}

using RuleMaker = InstructionRule (*)(const Instruction&);

const std::map<std::string_view, RuleMaker>& rules() {
  static const std::map<std::string_view, RuleMaker> table = {
      {"keywords:existence", keywords_rule},
      {"keywords:frequency", keyword_frequency_rule},
      {"keywords:forbidden_words", forbidden_words_rule},
      {"keywords:letter_frequency", letter_frequency_rule},
      {"language:response_language", language_rule},
      {"length_constraints:number_sentences", sentences_rule},
      {"length_constraints:number_paragraphs", paragraphs_rule},
      {"length_constraints:number_words", words_rule},
      {"length_constraints:nth_paragraph_first_word", first_word_rule},
      {"detectable_content:number_placeholders", [](const Instruction& i) { return at_least_rule<count_placeholders>(i, "num_placeholders"); }},
      {"detectable_content:postscript", postscript_rule},
      {"detectable_format:number_bullet_lists",
       [](const Instruction& i) -> InstructionRule {
         return [wanted = count_at(i, "num_bullets")](const std::u32string& reply) { return count_bullets(reply) == wanted; };
       }},
      {"detectable_format:constrained_response",
       [](const Instruction&) -> InstructionRule {
         return [](const std::u32string& reply) {
           const View text = reply;
           return text.find(U"My answer is yes.") != View::npos || text.find(U"My answer is no.") != View::npos ||
                  text.find(U"My answer is maybe.") != View::npos;
         };
       }},
      {"detectable_format:number_highlighted_sections", [](const Instruction& i) { return at_least_rule<count_highlights>(i, "num_highlights"); }},
      {"detectable_format:multiple_sections", sections_rule},
      {"detectable_format:json_format",
       [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return is_json_in_fences(reply); }; }},
      {"detectable_format:title", [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return holds_title(reply); }; }},
      {"combination:two_responses",
       [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return holds_two_responses(reply); }; }},
      {"combination:repeat_prompt", repeat_prompt_rule},
      {"startend:end_checker", end_rule},
      {"startend:quotation",
       [](const Instruction&) -> InstructionRule {
         return [](const std::u32string& reply) {
           const auto text = strip(reply);
           return text.size() > 1 && text.front() == U'"' && text.back() == U'"';
         };
       }},
      {"change_case:capital_word_frequency", capital_words_rule},
      {"change_case:english_capital",
       [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return is_upper(reply) && is_in_language(reply, "en"); }; }},
      {"change_case:english_lowercase",
       [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return is_lower(reply) && is_in_language(reply, "en"); }; }},
      {"punctuation:no_comma",
       [](const Instruction&) -> InstructionRule { return [](const std::u32string& reply) { return reply.find(U',') == std::u32string::npos; }; }},
  };
  return table;
}

}  // namespace

const std::vector<std::string_view>& instruction_ids() {
  static const std::vector<std::string_view> ids = [] {
    std::vector<std::string_view> names;
    for (const auto& [name, rule] : rules()) names.push_back(name);
    return names;
  }();
  return ids;
}

InstructionRule rule_of(const Instruction& instruction) {
  const auto found = rules().find(instruction.id);
  if (found == rules().end()) {
    throw base::UserError("There is no instruction type '{}'{}.", instruction.id, base::suggestion(instruction.id, instruction_ids()));
  }
  return found->second(instruction);
}

}  // namespace drover::verify
