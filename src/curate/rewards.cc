#include "curate/rewards.h"

#include <vector>

#include "chat/assistant_turn.h"

namespace drover::curate {

std::int64_t fill_rewards(std::span<Row> rows, generate::Scorer& scorer, const base::OnProgress& on_progress) {
  std::int64_t known = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = rows[i];
    if (!row.reward && !chat::nothing_to_learn(row.dialog)) {
      auto prompt = row.dialog;
      const auto turn = chat::final_assistant_turn(prompt);
      const auto begin = prompt.messages.begin() + static_cast<std::ptrdiff_t>(turn.begin);
      const std::vector<std::vector<chat::Message>> replies = {{begin, prompt.messages.end()}};
      prompt.messages.erase(begin, prompt.messages.end());
      row.reward = static_cast<double>(scorer.rewards(prompt, replies).front());
      ++known;
    }
    if (on_progress)
      on_progress({.what = "rewards",
                   .done = static_cast<std::int64_t>(i + 1),
                   .total = static_cast<std::int64_t>(rows.size()),
                   .unit = "rows"});
  }
  return known;
}

}  // namespace drover::curate
