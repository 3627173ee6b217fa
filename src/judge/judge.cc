#include "judge/judge.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "chat/strict_json.h"

namespace drover::judge {
namespace {

constexpr std::int64_t kMaxChoiceTokens = 16;
constexpr std::size_t kShownLetters = 60;

chat::Dialog dialog_of(const std::string& question) {
  return {.messages = {{.sender = chat::Sender::kUser, .content = question}}};
}

std::string beginning_of(const std::string& text) {
  std::string shown;
  for (const char letter : text.substr(0, kShownLetters)) shown.push_back(letter == '\n' ? ' ' : letter);
  return text.size() > kShownLetters ? shown + " ..." : shown;
}

// Models like to wrap JSON in a code block.
std::string_view without_fence(std::string_view text) {
  const auto begin = text.find('[');
  const auto end = text.rfind(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return text;
  const auto before = text.substr(0, begin);
  if (before.find_first_not_of(" \t\r\n") == std::string_view::npos) return text.substr(begin, end - begin + 1);
  return before.find("```") == std::string_view::npos ? text : text.substr(begin, end - begin + 1);
}

std::optional<std::vector<std::string>> texts_in(std::string_view text) {
  const auto parsed = chat::parse_strict_json(without_fence(text));
  const auto* list = std::get_if<chat::Json>(&parsed);
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& entry : *list) {
    if (entry.is_string()) {
      texts.push_back(entry.get<std::string>());
    } else if (entry.is_object() && entry.contains("tag") && entry["tag"].is_string()) {
      texts.push_back(entry["tag"].get<std::string>());
    } else {
      return std::nullopt;
    }
  }
  return texts;
}

chat::Json schema_of_lists() {
  return chat::Json{{"type", "array"},
                    {"items", {{"type", "string"}, {"minLength", 1}, {"maxLength", 60}}},
                    {"minItems", 1},
                    {"maxItems", 12}};
}

// Of the text alone: whether a reply also ends there is not what the choice is about.
double log_prob_of(const generate::Response& response) {
  const std::size_t stop = response.is_complete() ? 1 : 0;
  double sum = 0;
  for (std::size_t i = 0; i + stop < response.log_probs.size(); ++i) sum += static_cast<double>(response.log_probs[i]);
  return sum;
}

std::vector<double> softmax(const std::vector<double>& log_probs) {
  const double largest = *std::max_element(log_probs.begin(), log_probs.end());
  std::vector<double> shares;
  for (const double value : log_probs) shares.push_back(std::exp(value - largest));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (auto& share : shares) share /= sum;
  return shares;
}

}  // namespace

void JudgeOptions::validate() const {
  if (max_tries < 1 || max_tries > 100) {
    throw base::UserError("A judge's max_tries is {}; it must be from 1 to 100.", max_tries);
  }
  if (give_up_after < 0) throw base::UserError("A judge's give_up_after is {}; it must be 0 or more.", give_up_after);
  if (questions_per_batch < 1) {
    throw base::UserError("A judge's questions_per_batch is {}; it must be at least 1.", questions_per_batch);
  }
  if (max_list_tokens < 1) {
    throw base::UserError("A judge's max_list_tokens is {}; it must be at least 1.", max_list_tokens);
  }
}

std::optional<std::size_t> choice_in(std::string_view text, std::span<const std::string> choices) {
  constexpr std::string_view kAround = " \t\r\n\"'`*()[]";
  const auto trim = [&](std::string_view piece, std::string_view last) {
    while (!piece.empty() && kAround.find(piece.front()) != std::string_view::npos) piece.remove_prefix(1);
    while (!piece.empty() && last.find(piece.back()) != std::string_view::npos) piece.remove_suffix(1);
    return piece;
  };
  const auto lower = [](std::string_view piece) {
    std::string letters(piece);
    for (auto& letter : letters) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    return letters;
  };
  const auto answer = lower(trim(text, " \t\r\n\"'`*()[]."));
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (answer == lower(choices[i])) return i;
  }
  return std::nullopt;
}

Judge::Judge(generate::Generator& generator, AnswerForms forms, JudgeOptions options)
    : generator_(generator), forms_(std::move(forms)), options_(options) {
  options_.validate();
  if (options_.use_probabilities && !forms_.one_of) {
    throw base::UserError(
        "Probabilities of a judge's choices need a model in this process; a server's answers are read as text.");
  }
}

std::vector<Choice> Judge::choose(std::span<const std::string> questions, std::span<const std::string> choices) {
  DROVER_CHECK(!choices.empty(), "A question without possible answers");
  std::vector<Choice> answers(questions.size());
  if (options_.use_probabilities) {
    weigh(questions, choices, answers);
    return answers;
  }
  const auto constraint = forms_.one_of ? forms_.one_of(choices) : nullptr;
  ask(questions, kMaxChoiceTokens, constraint, fmt::format("one of {}", fmt::join(choices, ", ")),
      [&](std::size_t question, const generate::Response& response) {
        answers[question].chosen = choice_in(response.text, choices);
        return answers[question].is_valid();
      });
  return answers;
}

std::vector<std::optional<std::vector<std::string>>> Judge::list(std::span<const std::string> questions) {
  std::vector<std::optional<std::vector<std::string>>> answers(questions.size());
  const auto constraint = forms_.json ? forms_.json(schema_of_lists()) : nullptr;
  ask(questions, options_.max_list_tokens, constraint, "a JSON list of texts",
      [&](std::size_t question, const generate::Response& response) {
        answers[question] = texts_in(response.text);
        return answers[question].has_value();
      });
  return answers;
}

void Judge::ask(std::span<const std::string> questions, std::int64_t max_tokens,
                const std::shared_ptr<const engine::TokenConstraint>& constraint, const std::string& expected,
                const Read& read) {
  const auto batch_size = static_cast<std::size_t>(options_.questions_per_batch);
  failed_.assign(questions.size(), false);
  for (std::size_t begin = 0; begin < questions.size(); begin += batch_size) {
    std::vector<std::size_t> open(std::min(batch_size, questions.size() - begin));
    std::iota(open.begin(), open.end(), begin);
    const auto asked = open.size();
    for (std::int64_t attempt = 0; attempt < options_.max_tries && !open.empty(); ++attempt) {
      open = put(questions, open, attempt, max_tokens, constraint, read);
    }
    count_invalid(open, asked, expected);
    report(begin + asked, questions.size());
  }
}

std::vector<std::size_t> Judge::put(std::span<const std::string> questions, std::span<const std::size_t> open,
                                    std::int64_t attempt, std::int64_t max_tokens,
                                    const std::shared_ptr<const engine::TokenConstraint>& constraint, const Read& read) {
  std::vector<generate::GenerationRequest> requests;
  std::vector<std::size_t> asked;
  std::vector<std::size_t> invalid;
  for (const auto question : open) {
    if (failed_[question]) {
      invalid.push_back(question);
      continue;
    }
    asked.push_back(question);
    generate::GenerationRequest request;
    request.dialog = dialog_of(questions[question]);
    request.options.temperature = attempt == 0 ? 0.0 : 0.7;  // the most probable answer is the same in each try
    request.options.max_tokens = max_tokens;
    request.options.seed = options_.seed;
    request.constraint = constraint;
    request.first_sample = attempt;
    requests.push_back(std::move(request));
  }
  generate::GenerationCallbacks callbacks;
  callbacks.on_failure = [&](std::size_t request, const std::string& reason) {
    failed_[asked[request]] = true;
    counts_.last_invalid = reason;
  };
  const auto results = generator_.generate(requests, callbacks);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& responses = results[i].responses;
    if (failed_[asked[i]] || responses.empty()) {
      failed_[asked[i]] = true;
      invalid.push_back(asked[i]);
    } else if (!read(asked[i], responses[0])) {
      counts_.last_invalid = beginning_of(responses[0].text);
      invalid.push_back(asked[i]);
    }
  }
  return invalid;
}

void Judge::weigh(std::span<const std::string> questions, std::span<const std::string> choices,
                  std::vector<Choice>& answers) {
  std::vector<std::shared_ptr<const engine::TokenConstraint>> constraints;
  for (const auto& choice : choices) constraints.push_back(forms_.one_of(std::span(&choice, 1)));
  const auto batch_size = static_cast<std::size_t>(options_.questions_per_batch);
  failed_.assign(questions.size(), false);
  for (std::size_t begin = 0; begin < questions.size(); begin += batch_size) {
    const auto asked = std::min(batch_size, questions.size() - begin);
    std::vector<generate::GenerationRequest> requests;
    for (std::size_t i = 0; i < asked * choices.size(); ++i) {
      generate::GenerationRequest request;
      request.dialog = dialog_of(questions[begin + i / choices.size()]);
      request.options.temperature = 0;
      request.options.max_tokens = kMaxChoiceTokens;
      request.constraint = constraints[i % choices.size()];
      requests.push_back(std::move(request));
    }
    generate::GenerationCallbacks callbacks;
    callbacks.on_failure = [&](std::size_t request, const std::string& reason) {
      failed_[begin + request / choices.size()] = true;
      counts_.last_invalid = reason;
    };
    const auto results = generator_.generate(requests, callbacks);
    std::vector<std::size_t> invalid;
    for (std::size_t i = 0; i < asked; ++i) {
      if (failed_[begin + i]) {
        invalid.push_back(begin + i);
        continue;
      }
      std::vector<double> log_probs;
      for (std::size_t k = 0; k < choices.size(); ++k) {
        log_probs.push_back(log_prob_of(results[i * choices.size() + k].responses.at(0)));
      }
      auto& answer = answers[begin + i];
      answer.probabilities = softmax(log_probs);
      answer.chosen = static_cast<std::size_t>(
          std::max_element(answer.probabilities.begin(), answer.probabilities.end()) - answer.probabilities.begin());
    }
    count_invalid(invalid, asked, "a question that fits");
    report(begin + asked, questions.size());
  }
}

void Judge::count_invalid(std::span<const std::size_t> invalid, std::size_t asked, const std::string& expected) {
  counts_.questions += static_cast<std::int64_t>(asked);
  counts_.invalid += static_cast<std::int64_t>(invalid.size());
  for (const auto question : invalid) counts_.too_long += failed_[question] ? 1 : 0;
  if (options_.give_up_after == 0 || counts_.invalid < counts_.questions) return;
  if (counts_.questions < options_.give_up_after) return;
  if (counts_.too_long == counts_.invalid) {
    throw base::UserError("The judge {} could take none of its first {} questions: {}", name(), counts_.questions,
                          counts_.last_invalid);
  }
  throw base::UserError(
      "The judge {} gave no valid answer to any of its first {} questions: it should answer with {}, but the last answer "
      "began with \"{}\". Take a model that follows instructions, or one in this process, whose answers are constrained.",
      name(), counts_.questions, expected, counts_.last_invalid);
}

void Judge::report(std::size_t done, std::size_t total) const {
  if (!on_progress) return;
  on_progress({.what = "judging",
               .done = static_cast<std::int64_t>(done),
               .total = static_cast<std::int64_t>(total),
               .unit = "questions",
               .detail = fmt::format("{:.0f}% invalid", 100 * counts_.invalid_share())});
}

}  // namespace drover::judge
