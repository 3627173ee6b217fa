#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "chat/preference_row.h"
#include "ledger/fact_id.h"
#include "text/token_id.h"

// What the ledger knows, as plain values. Every fact but prompts and messages names the stage that made it by that
// stage's key.

namespace drover::ledger {

/// A message and the message it answers: a dialog of many turns is stored once, however many replies branch off it.
struct Node {
  NodeId parent;  ///< nothing for the first message
  chat::Message message;
};

/// A dialog that waits for an answer, and how an answer can be checked.
struct Prompt {
  chat::Dialog dialog;               ///< ends with the message to be answered
  std::string source;                ///< where it comes from: a data set, "tiny", a person
  std::string licence;               ///< of the source
  std::vector<std::string> tags;     ///< capability first
  std::optional<double> difficulty;  ///< 0 easy .. 1 hard; empty: not rated
  std::string checker;               ///< what verify::make_checker takes; empty: no answer is known
  std::string expected;              ///< the answer, in the checker's spelling
};

/// A sampled reply, as ids and as messages. The ids are the record; the messages are what the format read in them.
struct Generation {
  PromptId prompt;
  std::string stage;
  std::int64_t sample = 0;           ///< counts the replies to one prompt by one model within the stage
  std::string model;                 ///< hash of the weights
  std::string tokenizer;             ///< hash; ids mean nothing without it
  std::vector<text::TokenId> ids;    ///< after the generation prompt, terminator included
  std::vector<float> log_probs;      ///< of each id under the model, natural logarithm
  std::vector<chat::Message> reply;  ///< the last one's ending says whether it is cut
  std::string fault;                 ///< why the reply is malformed; empty when it is not
  std::string options;               ///< how it was sampled, as JSON
};

/// A number that a model or a rule gave to a reply.
struct Score {
  GenerationId generation;
  std::string stage;
  std::string scorer;  ///< hash of the reward model, or a rule's name
  double value = 0;
};

/// What a checker says about a reply.
struct CheckedAnswer {
  GenerationId generation;
  std::string stage;
  std::string checker;
  bool is_right = false;
  std::string answer;  ///< what was read as the answer; empty: none was found
  std::string reason;
};

/// Two replies to one prompt, one of which an annotator prefers. With level kNone the order of the two means nothing.
struct Comparison {
  PromptId prompt;
  std::string stage;
  GenerationId preferred;
  GenerationId other;
  chat::PreferenceLevel level = chat::PreferenceLevel::kNone;
  std::string annotator;  ///< "verifier", a person's name, the hash of a judge
  std::string reason;
};

/// Why a reply was kept or dropped on its way to training.
struct Decision {
  GenerationId generation;
  std::string stage;
  std::string rule;  ///< "best of K", "cut reply", "duplicate"
  bool is_kept = false;
  std::string reason;
};

/// What a trainer was given: the replies of one row.
struct TrainingRow {
  std::string stage;
  std::int64_t ordinal = 0;
  std::string kind;                       ///< "sft", "reward", "dpo", "lm"
  std::vector<GenerationId> generations;  ///< best first; one for sft
};

/// A model that exists in the home.
struct ModelFact {
  std::string hash;  ///< names the weights
  std::string name;  ///< for people: "sft-2", "bootstrap-1"
  std::string stage;
  std::string folder;   ///< relative to the home
  std::string made_by;  ///< "random", "lm", "reward", "sft", "dpo", "average", "file"
  std::string data;     ///< hash of the training rows; empty when there are none
  std::string options;  ///< JSON
  struct Parent {
    std::string hash;
    double weight = 1;  ///< averaging weight
  };
  std::vector<Parent> parents;
};

/// What a stage was asked to do; its key is a hash of all of it but the run's own bookkeeping (rounds/stage.h).
struct StageBegin {
  std::string key;
  std::string name;  ///< "round 1 / sft"
  std::int64_t revision = 1;
  std::string inputs;   ///< JSON: name to hash
  std::string options;  ///< JSON
  std::uint64_t seed = 0;
};

/// What a finished stage left.
struct StageEnd {
  std::string key;
  double seconds = 0;
  std::string output;  ///< JSON that the stage reads back
  std::string hash;    ///< of the output and the files it names
};

/// A number about a stage, for the report.
struct Metric {
  std::string stage;
  std::string name;     ///< "accuracy", "loss"
  std::string subject;  ///< what it is about: a model's hash, a suite; may be empty
  std::int64_t step = 0;
  double value = 0;
  std::optional<double> low;  ///< 95% interval
  std::optional<double> high;
  std::int64_t count = 0;  ///< observations behind it; 0: does not apply
};

}  // namespace drover::ledger
