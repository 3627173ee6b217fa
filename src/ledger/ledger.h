#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/facts.h"
#include "ledger/removal.h"

namespace drover::ledger {

/// The layout of the tables; a ledger of a newer one is refused.
inline constexpr std::int64_t kSchemaVersion = 2;

/// Append-only record of prompts, replies, ratings, models and stages. Facts are written once and never changed;
/// writing a fact that is there already does nothing. Use one Ledger per thread; many may open one file, and one may
/// read while another writes.
///
/// A call that returned is on disk: neither a killed process nor a loss of power takes it back. A `Batch` makes many
/// writes one.
///
/// Opening brings a ledger of an older drover to the present schema, also when it is opened for reading. It throws
/// UserError when the file is missing, made by a newer drover, or not a ledger. Any call throws SurroundingsError when
/// the disk refuses or another process holds the file for longer than `patience`; nothing that was recorded is lost
/// then.
class Ledger {
 public:
  enum class OpenMode {
    kReadOnly,  ///< the file must exist
    kWrite,     ///< the file must exist
    kCreate     ///< made when it is missing
  };

  explicit Ledger(const std::filesystem::path& file, OpenMode mode = OpenMode::kWrite,
                  std::chrono::seconds patience = std::chrono::seconds(30));
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  /// Where it lies, as it was opened.
  const std::filesystem::path& file() const;

  /// Writes that reach the disk together: all of them at `commit()`, none of them without it. Batches do not nest.
  class Batch {
   public:
    explicit Batch(Ledger& ledger);
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch();
    void commit();

   private:
    Ledger& ledger_;
    bool committed_ = false;
  };

  /// Copies the log beside the file into the file as far as nobody reads it; waits for no other connection.
  void checkpoint();
  /// Lets the log grow to a quarter of a gibibyte before a commit copies it: for writers beside which another connection
  /// does (LogCheckpointer).
  void let_log_grow();

  PromptId add(const Prompt& prompt);
  GenerationId add(const Generation& generation);
  ComparisonId add(const Comparison& comparison);
  ComparisonRequestId add(const ComparisonRequest& request);
  /// Whether the answer is new: one annotator's first answer to a request counts.
  bool add(const ComparisonAnswer& answer);
  TrainingRowId add(const TrainingRow& row);
  void add(const Source& source);
  void add(const Score& score);
  void add(const CheckedAnswer& answer);
  void add(const Decision& decision);
  void add(const ModelFact& model);
  void add(const StageBegin& stage);
  void add(const StageEnd& end);
  void add(const Metric& metric);
  /// Says that a run has needed this stage since it began last, done anew or found. A run is a hash of its recipe.
  void add_stage_to_run(std::string_view run, std::int64_t ordinal, std::string_view stage);
  /// Makes `run` the latest one. Throws UserError while another process works on the latest one.
  void begin_run(std::string_view run, std::string_view recipe_name, std::string_view recipe_text);

  /// Facts by name; empty when the ledger does not hold them.
  std::optional<Prompt> find(PromptId id) const;
  std::optional<Generation> find(GenerationId id) const;
  std::optional<Comparison> find(ComparisonId id) const;
  std::optional<ComparisonRequest> find(ComparisonRequestId id) const;
  std::optional<TrainingRow> find(TrainingRowId id) const;
  std::optional<ModelFact> find_model(std::string_view hash) const;
  std::optional<StageBegin> find_stage(std::string_view key) const;
  /// The latest end of a stage; empty while it is unfinished.
  std::optional<StageEnd> find_stage_end(std::string_view key) const;

  /// A reply of a stage to this prompt: what a resumed stage asks before it samples. Ordered by model and sample.
  std::vector<GenerationId> replies(std::string_view stage, PromptId prompt) const;
  /// All replies to a prompt, in the order they were written.
  std::vector<GenerationId> replies_to(PromptId prompt) const;
  /// Facts of a stage, in the order they were written.
  std::vector<GenerationId> generations_of(std::string_view stage) const;
  std::vector<ComparisonId> comparisons_of(std::string_view stage) const;
  std::vector<ComparisonRequestId> requests_of(std::string_view stage) const;
  /// Requests that nobody has answered, of a stage or (without one) of all stages, in the order they were written.
  std::vector<ComparisonRequestId> pending_requests(std::string_view stage = {}) const;
  /// What people said to a request, in the order in which their answers came.
  std::vector<ComparisonAnswer> answers_to(ComparisonRequestId request) const;
  std::vector<Score> scores_of(std::string_view stage) const;
  std::vector<Decision> decisions_of(std::string_view stage) const;
  std::vector<TrainingRow> training_rows_of(std::string_view stage) const;
  std::vector<ModelFact> models_of(std::string_view stage) const;
  std::vector<Metric> metrics_of(std::string_view stage) const;

  /// Everything about a reply.
  std::vector<Score> scores_of(GenerationId generation) const;
  std::vector<CheckedAnswer> checked_answers_of(GenerationId generation) const;
  std::vector<Decision> decisions_of(GenerationId generation) const;
  std::vector<ComparisonId> comparisons_with(GenerationId generation) const;
  std::vector<TrainingRow> training_rows_with(GenerationId generation) const;
  /// Replies that were made by editing this one.
  std::vector<GenerationId> edits_of(GenerationId generation) const;
  /// Prompts of the next turn of this prompt's dialog.
  std::vector<PromptId> next_turns_of(PromptId prompt) const;
  /// Models that were trained on rows of these stages, and models made of those, to the last descendant.
  std::vector<ModelFact> descendants_of(std::span<const std::string> training_stages) const;
  /// Models that were made of these models (by hash), to the last descendant, without themselves.
  std::vector<ModelFact> descendants_of_models(std::span<const std::string> hashes) const;
  /// Rows that a stage's trainers were given, counted by kind and by the source of their prompts.
  struct RowCount {
    std::string kind;
    std::string source;
    std::int64_t count = 0;
  };
  std::vector<RowCount> row_counts_of(std::string_view stage) const;

  /// Names that begin with these hexadecimal digits, for people who type them.
  std::vector<GenerationId> generations_beginning(std::string_view hex) const;
  std::vector<PromptId> prompts_beginning(std::string_view hex) const;
  std::vector<ComparisonId> comparisons_beginning(std::string_view hex) const;
  std::vector<TrainingRowId> training_rows_beginning(std::string_view hex) const;
  /// Hashes of models.
  std::vector<std::string> models_beginning(std::string_view hex) const;

  struct Run {
    std::string run;
    std::string recipe_name;
    std::string recipe_text;
    std::string began_at{};  ///< UTC, "2026-01-31T12:00:00Z"
    std::string process{};   ///< what running_process.h asks for
  };
  /// The run that began last.
  std::optional<Run> latest_run() const;
  /// All runs, in the order in which they began; one that was resumed stands there again.
  std::vector<Run> runs() const;
  /// Where data comes from, in the order of writing.
  std::vector<Source> sources() const;
  /// The stages a run has reached since it began last, then those that it reached earlier on the same way; no name twice.
  std::vector<std::string> stages_of_run(std::string_view run) const;

  /// Takes everything that comes from one source out of the ledger, in one transaction: its prompts, later turns of
  /// their dialogs, replies to them, replies that the source itself gave (Generation::origin), what was said about
  /// those, and the training rows that hold one. The bytes are overwritten. The ends of the stages that lose facts go
  /// too, so that the next run does them again. The removal and the list of models that had learned from the source
  /// are recorded. With `is_dry_run` nothing changes. Throws UserError for a source that the ledger does not know.
  SourceRemoval forget_source(std::string_view source, bool is_dry_run);
  std::vector<RecordedRemoval> removals() const;

  /// Says that a model's files were deleted, and why.
  void add_model_removal(std::string_view hash, std::string_view folder, std::string_view reason);
  /// Hashes of models whose files were deleted.
  std::vector<std::string> removed_models() const;

  /// What is wrong with the file, in the database's words; empty when it is whole. Reads all of it.
  std::vector<std::string> damage() const;

  /// All facts of a kind, in the order in which they were written.
  std::vector<PromptId> all_prompts() const;
  std::vector<GenerationId> all_generations() const;
  std::vector<ComparisonId> all_comparisons() const;
  std::vector<ComparisonRequestId> all_requests() const;
  std::vector<TrainingRowId> all_training_rows() const;
  std::vector<ModelFact> all_models() const;

  /// Facts of each kind: table name and count.
  std::vector<std::pair<std::string, std::int64_t>> counts() const;

 private:
  void create_tables();
  void migrate();
  std::string names_of_sources() const;

  struct Store;
  std::unique_ptr<Store> store_;
};

/// Names of facts, without writing them.
PromptId id_of(const Prompt& prompt);
GenerationId id_of(const Generation& generation);
ComparisonId id_of(const Comparison& comparison);
ComparisonRequestId id_of(const ComparisonRequest& request);
TrainingRowId id_of(const TrainingRow& row);

}  // namespace drover::ledger
