#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "chat/chat_format.h"
#include "curate/row.h"
#include "judge/judge.h"
#include "model/model.h"

namespace drover::curate {

/// A coarse topic ("mathematical reasoning") and the fine ones inside it ("geometry and trigonometry").
struct CoarseTopic {
  std::string name;
  std::string capability;  ///< of rows of this topic that have none
  std::vector<std::string> fine;
};

/// The topics that rows are sorted into by default: the capabilities of the Llama 3 report (Table 7), each with a few
/// fine ones.
const std::vector<CoarseTopic>& default_topics();

struct Topic {
  std::string coarse, fine;  ///< `fine` may be empty
};

/// Sorts dialogs into topics; nothing for a dialog that could not be sorted.
class TopicClassifier {
 public:
  virtual ~TopicClassifier() = default;
  virtual std::vector<std::optional<Topic>> classify(std::span<const chat::Dialog> dialogs) = 0;
};

/// Asks a model: first for the coarse topic, then for a fine one inside it. `judge` is borrowed. Throws UserError for
/// topics that are empty or named twice.
std::unique_ptr<TopicClassifier> prompted_topics(judge::Judge& judge,
                                                 std::vector<CoarseTopic> topics = default_topics());

/// Takes the class with the largest output of a fine-tuned classifier (`drover train classify`), whose labels are
/// "coarse" or "coarse / fine". Throws UserError when the model has no classes or they have no names.
std::unique_ptr<TopicClassifier> trained_topics(std::shared_ptr<const model::Model> model,
                                                std::shared_ptr<const chat::ChatFormat> format,
                                                base::OnProgress on_progress = {});

/// Fills in topics of the rows that have none, and their capability where it is empty and `topics` knows the coarse
/// topic's. Returns how many rows got a topic.
std::int64_t fill_topics(std::span<Row> rows, TopicClassifier& classifier,
                         std::span<const CoarseTopic> topics = default_topics());

}  // namespace drover::curate
