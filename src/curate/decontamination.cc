#include "curate/decontamination.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "chat/dialog_file.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"
#include "curate/comparable_text.h"

namespace drover::curate {
namespace {

constexpr std::size_t kRowsBetweenReports = 1024;
constexpr std::array<const char*, 6> kTextKeys = {"question", "instruction", "problem", "query", "input", "text"};

std::vector<std::string_view> user_texts(const chat::Dialog& dialog) {
  std::vector<std::string_view> texts;
  for (const auto& message : dialog.messages) {
    if (message.sender == chat::Sender::kUser) texts.push_back(message.content);
  }
  return texts;
}

std::string joined(std::span<const std::string_view> texts) {
  std::string all;
  for (const auto text : texts) {
    if (!all.empty()) all += '\n';
    all += text;
  }
  return all;
}

/// The different windows of a text.
std::unordered_set<std::uint64_t> windows_of(std::string_view text, std::int64_t words) {
  const auto hashes = word_hashes(comparable_text(text));
  const auto width = static_cast<std::size_t>(words);
  std::unordered_set<std::uint64_t> windows;
  for (std::size_t i = 0; i + width <= hashes.size(); ++i) {
    std::uint64_t window = 0;
    for (std::size_t k = 0; k < width; ++k) {
      window = (window ^ hashes[i + k]) * 0x9E3779B97F4A7C15U;
      window ^= window >> 29U;
    }
    windows.insert(window);
  }
  return windows;
}

std::string text_of_row(chat::Json row) {
  if (!row.is_object()) throw base::UserError("a row must be a JSON object");
  for (const char* key : {"messages", "conversations", "prompt"}) {
    if (!row.contains(key)) continue;
    chat::Json dialog = {{key, row[key]}};
    const auto parsed = chat::parse_dialog_row(dialog.dump());
    const auto texts = user_texts(parsed);
    if (texts.empty()) throw base::UserError("the dialog has no message of a user");
    return joined(texts);
  }
  if (const auto turns = row.find("turns"); turns != row.end() && turns->is_array()) {
    std::vector<std::string_view> texts;
    for (const auto& turn : *turns) {
      if (!turn.is_string()) throw base::UserError("\"turns\" must be a list of texts");
      texts.push_back(turn.get_ref<const std::string&>());
    }
    return joined(texts);
  }
  for (const char* key : kTextKeys) {
    const auto found = row.find(key);
    if (found != row.end() && found->is_string()) return found->get<std::string>();
  }
  throw base::UserError("the row has no prompt: none of messages, conversations, prompt, turns, {}",
                        fmt::join(kTextKeys, ", "));
}

}  // namespace

void DecontaminationOptions::validate() const {
  if (window_words < 0 || window_words > 1000)
    throw base::UserError("Windows of {} words are not possible: take 0 (none) to 1000.", window_words);
  if (!(window_share > 0 && window_share <= 1))
    throw base::UserError("The share of windows is {}; it must be above 0 and at most 1.", window_share);
}

Decontaminator::Decontaminator(std::span<const HeldOutPrompt> prompts, const DecontaminationOptions& options)
    : options_(options) {
  options.validate();
  std::vector<std::pair<std::uint64_t, std::uint32_t>> places;
  for (const auto& prompt : prompts) {
    const auto index = static_cast<std::uint32_t>(prompts_.size());
    prompts_.push_back({.name = fmt::format("line {} of {}", prompt.number, prompt.suite)});
    auto whole = comparable_text(prompt.text);
    if (!whole.empty()) whole_.emplace(std::move(whole), index);
    if (options.window_words == 0) continue;
    const auto windows = windows_of(prompt.text, options.window_words);
    prompts_.back().num_windows = static_cast<std::int64_t>(windows.size());
    for (const auto window : windows) places.emplace_back(window, index);
  }
  std::sort(places.begin(), places.end());
  for (const auto& [window, prompt] : places) {
    auto& place = windows_[window];
    if (place.count++ == 0) place.begin = static_cast<std::uint32_t>(window_prompts_.size());
    window_prompts_.push_back(prompt);
  }
}

std::optional<std::string> Decontaminator::leak_in(const chat::Dialog& dialog) const {
  const auto texts = user_texts(dialog);
  const auto equal = [this](std::string_view text) -> std::optional<std::string> {
    const auto found = whole_.find(comparable_text(text));
    if (found == whole_.end()) return std::nullopt;
    return "it asks " + prompts_[found->second].name;
  };
  for (const auto text : texts) {
    if (auto leak = equal(text)) return leak;
  }
  if (texts.size() > 1) {
    if (auto leak = equal(joined(texts))) return leak;
  }
  return options_.window_words > 0 ? leak_by_windows(dialog) : std::nullopt;
}

std::optional<std::string> Decontaminator::leak_by_windows(const chat::Dialog& dialog) const {
  std::string all;
  for (const auto& message : dialog.messages) all += message.content + "\n";
  std::unordered_map<std::uint32_t, std::int64_t> found;
  for (const auto window : windows_of(all, options_.window_words)) {
    const auto place = windows_.find(window);
    if (place == windows_.end()) continue;
    for (std::uint32_t i = 0; i < place->second.count; ++i) ++found[window_prompts_[place->second.begin + i]];
  }
  std::optional<std::uint32_t> worst;  // the first prompt with the largest share
  const auto share = [&](std::uint32_t prompt) {
    return static_cast<double>(found.at(prompt)) / static_cast<double>(prompts_[prompt].num_windows);
  };
  for (const auto& [prompt, count] : found) {
    if (share(prompt) < options_.window_share) continue;
    if (!worst || share(prompt) > share(*worst) || (share(prompt) == share(*worst) && prompt < *worst)) worst = prompt;
  }
  if (!worst) return std::nullopt;
  return fmt::format("it holds {} of {} windows of {} words of {}", found.at(*worst), prompts_[*worst].num_windows,
                     options_.window_words, prompts_[*worst].name);
}

std::vector<Decision> decontaminate(std::span<const chat::Dialog> dialogs, const Decontaminator& decontaminator,
                                    const base::OnProgress& on_progress) {
  std::vector<Decision> decisions;
  for (std::size_t i = 0; i < dialogs.size(); ++i) {
    auto leak = decontaminator.leak_in(dialogs[i]);
    decisions.push_back(
        {.index = i, .kept = !leak, .rule = leak ? "leak" : "not held out", .reason = leak.value_or("")});
    if (on_progress && (i + 1) % kRowsBetweenReports == 0) {
      on_progress({.what = "decontaminate",
                   .done = static_cast<std::int64_t>(i + 1),
                   .total = static_cast<std::int64_t>(dialogs.size()),
                   .unit = "rows"});
    }
  }
  return decisions;
}

std::vector<HeldOutPrompt> read_held_out_prompts(const std::filesystem::path& file) {
  std::vector<HeldOutPrompt> prompts;
  base::for_each_line(file, [&](std::int64_t number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    try {
      auto parsed = chat::parse_strict_json(line);
      if (const auto* fault = std::get_if<chat::JsonFault>(&parsed))
        throw base::UserError("the line is not JSON at byte {}: {}", fault->offset, fault->reason);
      prompts.push_back({.suite = file.filename().string(),
                         .number = number,
                         .text = text_of_row(std::get<chat::Json>(std::move(parsed)))});
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}", file.string(), number, error.what());
    }
  });
  if (prompts.empty()) throw base::UserError("{} holds no prompts.", file.string());
  return prompts;
}

}  // namespace drover::curate
