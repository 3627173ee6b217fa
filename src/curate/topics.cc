#include "curate/topics.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/reply_tokens.h"
#include "generate/scorer.h"
#include "judge/prompts.h"

namespace drover::curate {
namespace {

constexpr std::string_view kBetweenTopics = " / ";

std::vector<std::string> names_of(const std::vector<CoarseTopic>& topics) {
  std::vector<std::string> names;
  for (const auto& topic : topics) names.push_back(topic.name);
  return names;
}

void require_distinct(const std::vector<std::string>& names, const std::string& of_what) {
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (name.empty()) throw base::UserError("A topic of {} has no name.", of_what);
    if (!seen.insert(name).second) throw base::UserError("The topic \"{}\" stands twice in {}.", name, of_what);
  }
}

std::string question(const chat::Dialog& dialog, const std::vector<std::string>& topics) {
  std::string text =
      "Read this conversation.\n\n" + judge::shown_dialog(dialog) + "\n\nWhich of these topics fits it best?\n";
  for (const auto& topic : topics) text += "- " + topic + "\n";
  return text + "Answer with the topic alone, spelled as above.";
}

class PromptedTopics final : public TopicClassifier {
 public:
  PromptedTopics(judge::Judge& judge, std::vector<CoarseTopic> topics) : judge_(judge), topics_(std::move(topics)) {
    if (topics_.empty()) throw base::UserError("There are no topics to sort into.");
    require_distinct(names_of(topics_), "the list");
    for (const auto& topic : topics_) require_distinct(topic.fine, "\"" + topic.name + "\"");
  }

  std::vector<std::optional<Topic>> classify(std::span<const chat::Dialog> dialogs) override {
    std::vector<std::size_t> all(dialogs.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    const auto coarse = choose(dialogs, all, names_of(topics_));
    std::vector<std::optional<Topic>> found(dialogs.size());
    std::map<std::size_t, std::vector<std::size_t>> by_topic;
    for (std::size_t i = 0; i < dialogs.size(); ++i) {
      if (!coarse[i]) continue;
      found[i] = Topic{.coarse = topics_[*coarse[i]].name, .fine = {}};
      by_topic[*coarse[i]].push_back(i);
    }
    for (const auto& [topic, places] : by_topic) {
      const auto& fine = topics_[topic].fine;
      if (fine.size() == 1) {
        for (const auto place : places) found[place]->fine = fine.front();
      }
      if (fine.size() < 2) continue;
      const auto chosen = choose(dialogs, places, fine);
      for (std::size_t i = 0; i < places.size(); ++i) {
        if (chosen[i]) found[places[i]]->fine = fine[*chosen[i]];
      }
    }
    return found;
  }

 private:
  std::vector<std::optional<std::size_t>> choose(std::span<const chat::Dialog> dialogs,
                                                 const std::vector<std::size_t>& places,
                                                 const std::vector<std::string>& topics) {
    std::vector<std::string> questions;
    for (const auto place : places) questions.push_back(question(dialogs[place], topics));
    std::vector<std::optional<std::size_t>> chosen;
    for (const auto& choice : judge_.choose(questions, topics)) chosen.push_back(choice.chosen);
    return chosen;
  }

  judge::Judge& judge_;
  std::vector<CoarseTopic> topics_;
};

class TrainedTopics final : public TopicClassifier {
 public:
  TrainedTopics(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format,
                base::OnProgress on_progress)
      : format_(format),
        labels_(model->config().head.labels),
        scorer_(model, format),
        on_progress_(std::move(on_progress)) {}

  std::vector<std::optional<Topic>> classify(std::span<const chat::Dialog> dialogs) override {
    std::vector<std::optional<Topic>> found;
    for (const auto& dialog : dialogs) {
      found.push_back(classify_one(dialog));
      if (on_progress_) {
        on_progress_({.what = "topics",
                      .done = static_cast<std::int64_t>(found.size()),
                      .total = static_cast<std::int64_t>(dialogs.size()),
                      .unit = "rows"});
      }
    }
    return found;
  }

 private:
  std::optional<Topic> classify_one(const chat::Dialog& dialog) {
    if (chat::nothing_to_learn(dialog)) return std::nullopt;
    const auto split = chat::split_at_reply(*format_, dialog, chat::final_assistant_turn(dialog).begin);
    const std::vector<std::vector<text::TokenId>> replies = {split.reply.ids};
    const auto values = scorer_.outputs(split.prompt, replies).front().back();
    const auto best = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
    const auto& label = labels_[best];
    const auto between = label.find(kBetweenTopics);
    if (between == std::string::npos) return Topic{.coarse = label, .fine = {}};
    return Topic{.coarse = label.substr(0, between), .fine = label.substr(between + kBetweenTopics.size())};
  }

  std::shared_ptr<const chat::ChatFormat> format_;
  std::vector<std::string> labels_;
  generate::Scorer scorer_;
  base::OnProgress on_progress_;
};

}  // namespace

const std::vector<CoarseTopic>& default_topics() {
  static const std::vector<CoarseTopic> topics = {
      {"general English",
       "general",
       {"open question", "creative writing", "rewriting and summaries", "advice and plans", "small talk",
        "facts and explanations"}},
      {"code",
       "code",
       {"writing a program", "finding and fixing bugs", "explaining code", "databases and queries", "web pages",
        "shell and tools"}},
      {"multilingual", "multilingual", {"translation", "conversation in another language", "learning a language"}},
      {"exam-like questions", "exam", {"science", "history and society", "law and medicine", "reading comprehension"}},
      {"mathematical reasoning",
       "reasoning",
       {"arithmetic", "algebra", "geometry and trigonometry", "probability and statistics", "word problems",
        "logic puzzles"}},
      {"tool use", "tools", {"search", "function calls", "data analysis", "file uploads"}},
      {"long documents",
       "long context",
       {"questions about a document", "summary of a document", "reasoning over a code base"}}};
  return topics;
}

std::unique_ptr<TopicClassifier> prompted_topics(judge::Judge& judge, std::vector<CoarseTopic> topics) {
  return std::make_unique<PromptedTopics>(judge, std::move(topics));
}

std::unique_ptr<TopicClassifier> trained_topics(std::shared_ptr<const model::Model> model,
                                                std::shared_ptr<const chat::ChatFormat> format,
                                                base::OnProgress on_progress) {
  const auto& head = model->config().head;
  if (head.kind != model::HeadKind::kClasses)
    throw base::UserError("The model that sorts into topics has no classes. Train one with `drover train classify`.");
  if (static_cast<std::int64_t>(head.labels.size()) != head.num_labels)
    throw base::UserError("The classes of the model that sorts into topics have no names.");
  return std::make_unique<TrainedTopics>(std::move(model), std::move(format), std::move(on_progress));
}

std::int64_t fill_topics(std::span<Row> rows, TopicClassifier& classifier, std::span<const CoarseTopic> topics) {
  std::vector<std::size_t> places;
  std::vector<chat::Dialog> dialogs;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].topic.empty()) continue;
    places.push_back(i);
    dialogs.push_back(rows[i].dialog);
  }
  if (places.empty()) return 0;
  const auto found = classifier.classify(dialogs);
  DROVER_CHECK_EQ(found.size(), places.size(), "Each dialog gets an answer");
  std::int64_t known = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!found[i]) continue;
    auto& row = rows[places[i]];
    row.topic = found[i]->coarse;
    row.subtopic = found[i]->fine;
    const auto topic =
        std::find_if(topics.begin(), topics.end(), [&](const auto& one) { return one.name == row.topic; });
    if (row.capability.empty() && topic != topics.end()) row.capability = topic->capability;
    ++known;
  }
  return known;
}

}  // namespace drover::curate
