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

/// A dialog that waits for an answer, and how an answer can be checked. The licence is not part of its name: it belongs to the source.
struct Prompt {
  chat::Dialog dialog;               ///< ends with the message to be answered
  std::string source;                ///< where it comes from: a data set, "tiny", a person
  std::string licence;               ///< of the source
  std::vector<std::string> tags;     ///< capability first
  std::optional<double> difficulty;  ///< 0 easy .. 1 hard; empty: not rated
  std::string checker;               ///< what verify::make_checker takes; empty: no answer is known
  std::string expected;              ///< the answer, in the checker's spelling
  /// The prompt of the turn before, whose dialog this one goes on; nothing for a first turn. Neither this nor `turn`
  /// is part of the prompt's name: the dialog says the same.
  PromptId parent{};
  std::int64_t turn = 0;  ///< user turns before this one that were answered by models here
};

/// Where prompts or replies come from, for the page about licences and for the removal of a source.
struct Source {
  std::string name;        ///< what Prompt::source and Generation::origin say
  std::string licence;     ///< SPDX name, or words
  std::string location{};  ///< file or address
  std::string hash{};      ///< of the content that was read
};

/// How a reply came to be.
enum class GenerationKind {
  kSampled,    ///< a model of the run said it
  kEdited,     ///< another reply made better by a person or a model; `origin` names who
  kImported,   ///< it stood in a file; `origin` names the source
  kSynthetic,  ///< a capability pipeline or an outside command made it; `origin` names it
};

/// A reply, as ids and as messages. The ids are the record; the messages are what the format read in them. Replies that
/// no model of the run sampled may have no ids.
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
  GenerationKind kind = GenerationKind::kSampled;
  std::string origin{};          ///< kEdited: the editor; kImported and kSynthetic: the name of a Source; else empty
  GenerationId edited_from{};    ///< kEdited: the reply that was edited
};

/// A number that a model or a rule gave to a reply.
struct Score {
  GenerationId generation;
  std::string stage;
  std::string scorer;  ///< hash of the reward model, or a rule's name
  double value = 0;
  std::string reason{};  ///< a judge's words; usually empty
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

/// What a comparison is about.
enum class ComparisonUnit {
  kMessage,  ///< one answer to a prompt of one turn
  kTurn,     ///< one turn of a dialog of many, whose other turns may be compared too
};

/// Two replies to one prompt, one of which an annotator prefers. With level kNone the order of the two means nothing.
/// With an edited reply there are three: edited > preferred > other.
struct Comparison {
  PromptId prompt;
  std::string stage;
  GenerationId preferred;
  GenerationId other;
  chat::PreferenceLevel level = chat::PreferenceLevel::kNone;
  std::string annotator;  ///< "verifier", a person's name, the hash of a judge
  std::string reason;
  ComparisonUnit unit = ComparisonUnit::kMessage;
  GenerationId edited{};                ///< a reply of kind kEdited; nothing: none
  ComparisonRequestId request{};        ///< what a person was asked; nothing: nobody was
};

/// A comparison that somebody owes: a stage that needs it waits until an answer is there.
struct ComparisonRequest {
  PromptId prompt;
  std::string stage;
  GenerationId first;  ///< in the order in which they are shown
  GenerationId second;
  ComparisonUnit unit = ComparisonUnit::kMessage;
  std::string annotator{};  ///< who is asked: "people", or one person's name
};

/// What a person says to a request. Several people may answer one; one person's first answer counts.
struct ComparisonAnswer {
  enum class Preferred { kFirst, kSecond, kNeither };
  ComparisonRequestId request;
  std::string annotator;  ///< who answers
  Preferred preferred = Preferred::kNeither;
  chat::PreferenceLevel level = chat::PreferenceLevel::kNone;  ///< kNone exactly when neither is preferred
  std::string reason{};
  std::vector<chat::Message> edited{};  ///< the preferred reply made better; empty: it was not edited
  std::string answered_at{};            ///< UTC, "2026-01-31T12:00:00Z"; written by the ledger when empty
};

/// Why a reply was kept or dropped on its way to training.
struct Decision {
  GenerationId generation;
  std::string stage;
  std::string rule;  ///< "best of K", "cut reply", "duplicate"
  bool is_kept = false;
  std::string reason;
  std::optional<double> score{};  ///< the number that decided; empty: none did
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
  std::string ended_at{};  ///< UTC, "2026-01-31T12:00:00Z"; written by the ledger when empty
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
