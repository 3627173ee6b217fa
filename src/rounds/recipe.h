#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chat/dialog.h"

// What `drover run` is asked to do. Each struct is a table of the recipe's TOML file; recipe_fields.h says how its
// fields are called there and what they may be. Sizes are counts, rates are per step, unless said otherwise.

namespace drover::rounds {

/// How replies are drawn (generate::SamplingOptions).
struct SamplingSection {
  double temperature = 1.0;
  double top_p = 1.0;
  std::int64_t max_tokens = 256;       ///< the longest reply, its terminator included
  std::int64_t prompts_per_batch = 8;  ///< sampled together
};

/// How a model is trained, and how many variants are averaged (train::TrainOptions).
struct TrainSection {
  double learning_rate = 1e-5;  ///< Llama 3 report, 4.1: 1e-5 for SFT and DPO
  std::int64_t steps = 0;       ///< 0: as many as `epochs` take
  double epochs = 1.0;          ///< passes over the rows; counts when steps = 0
  std::int64_t rows_per_step = 8;
  std::string schedule = "cosine";  ///< "constant", "linear", "cosine"
  std::int64_t warmup_steps = 0;
  double final_share = 0.1;  ///< of the learning rate, at the last step
  double weight_decay = 0.0;
  double clip_norm = 1.0;             ///< 0 turns clipping off
  std::int64_t max_tokens = 8192;     ///< longer rows are refused
  std::int64_t packed_tokens = 1024;  ///< memory and speed only: not part of a stage's key
  std::int64_t variants = 1;          ///< models trained on different data orders and shares, then averaged
  std::vector<double> variant_learning_rates;  ///< in place of learning_rate, one a variant in turns; empty: all alike
  double data_share = 1.0;            ///< of the rows that each variant sees, chosen by its seed
};

/// A model made before the rounds begin. From nothing: random weights, then next-token training on whole dialogs. From
/// another model, fine-tuned on dialogs: models of different specialities to begin with. Or, without `text`, another name
/// for a model, so that a recipe names it once.
struct StartModel {
  std::string name;
  std::uint64_t seed = 1;
  std::string from;       ///< another start model, a folder, .gguf or short name; empty: random weights
  std::string tokenizer;  ///< of random weights: folder or file, relative to the recipe
  std::string text;       ///< JSONL of dialogs, relative to the recipe; empty with `from`: the model as it is
  // Shape of random weights.
  std::int64_t hidden_size = 64;
  std::int64_t intermediate_size = 128;
  std::int64_t num_layers = 2;
  std::int64_t num_heads = 4;
  std::int64_t num_kv_heads = 2;
  std::int64_t max_positions = 256;
  TrainSection train;
};

/// A model behind a server that speaks OpenAI's protocol; it can answer, it cannot be trained.
struct RemoteModel {
  std::string name;
  std::string url;           ///< "http://127.0.0.1:8000/v1"
  std::string model;         ///< its name there; empty: the first that the server lists
  std::string key_variable;  ///< environment variable that holds the key; empty: none
};

struct ModelsSection {
  std::string format;           ///< chat format; empty: by the model's own template
  std::string compute = "f32";  ///< "f32" or "bf16": what models compute in and are kept as; master weights are f32
  /// Where reward model and SFT start in every round: a start model's name, a folder, a .gguf or a short name.
  std::string pretrained;
  std::vector<std::string> bootstrap;  ///< the two or more models that answer in round 1
};

/// Prompts from a JSONL file (evaluate::read_prompts), or made by a generator.
struct PromptSource {
  std::string name;
  std::string file;       ///< relative to the recipe
  std::string generator;  ///< "arithmetic": generated questions, `count` of them; never those of a suite
  std::int64_t count = 0; ///< as many prompts from the file's beginning, 0: all; or of the generator
  std::string licence;
  std::string capability;  ///< what its prompts are about; empty: the source's name
  std::int64_t constraints = 0;  ///< most verifiable constraints put on each prompt without a checker
                                 ///< (verify::constrain); 0: none
};

/// Held-out prompts: a suite that drover knows by its name (evaluate::known_suites), or a JSONL file like those above.
struct SuiteSource {
  std::string name;
  std::string file;  ///< relative to the recipe; empty: a known suite
  std::string licence;
  std::string capability;  ///< whose best model this suite helps to find; empty: the known suite's, or its name
  std::vector<std::string> categories;  ///< only prompts with one of these tags, such as bfcl's "simple_python"; empty: all
  std::int64_t limit = 0;  ///< as many prompts from the file's beginning, of those categories; 0: all
};

/// What is asked for beside the prompts of one capability.
struct CapabilitySection {
  std::string name;
  /// In front of the prompts of rejection sampling, one by chance a prompt, to steer tone, style and format (Llama 3
  /// report, 4.2.2); none: prompts stay as they are.
  std::vector<std::string> system_prompts;
};

/// Training dialogs from elsewhere, one set a round: a file, or what a command writes.
struct SyntheticSource {
  std::string name;
  std::string file;     ///< JSONL of dialogs, relative to the recipe
  std::string command;  ///< reads the round's prompts as JSONL from its input and writes dialogs as JSONL; run by the
                        ///< shell in the recipe's folder with DROVER_ROUND and DROVER_SEED set
  std::string licence;
  std::string capability;       ///< empty: the source's name
  std::int64_t from_round = 1;  ///< the first round that uses it
  std::int64_t rows = 0;        ///< as many a round, chosen by the seed; 0: all
};

/// Comparisons from elsewhere: people's, or a data set's. One set a round, beside what the round collects.
struct PreferenceSource {
  std::string name;
  std::string file;  ///< JSONL of preference rows, relative to the recipe
  std::string licence;
  std::string capability;          ///< empty: the source's name
  std::string level = "better";    ///< of rows that state no level
  std::int64_t from_round = 1;     ///< the first round that gets some
  std::int64_t rows = 0;           ///< as many a round, others in each; 0: all of them in that first round
};

struct CollectSection {
  std::int64_t prompts_per_round = 0;  ///< chosen anew for every round; 0: all
  std::int64_t num_weakest = 2;        ///< capabilities that get more, and more complex, prompts from round 2 on
  double weak_share = 0.5;             ///< of the prompts, for these
  double complexity_step = 0.1;        ///< by how much the mean complexity of their prompts should rise (0 to 1)
  std::int64_t comparisons_per_prompt = 1;
  /// Asked one after the other until one has a preference: "verifier" (prompts with a checker), "reward" (the reward
  /// model of the round before), "judge" (the model of [judge]), "people" (drover annotate).
  std::vector<std::string> annotators = {"verifier"};
  double second_opinion_share = 0.1;  ///< of the pairs that the other annotators see too, to measure agreement
  bool edit = false;                  ///< whether the best model edits preferred replies, kept when they became better
  /// Capabilities whose prompts open dialogs of up to `turns` user turns, with a comparison at each; the best model
  /// plays the user.
  std::vector<std::string> multi_turn;
  std::int64_t turns = 3;
  SamplingSection sampling;
  SamplingSection edit_sampling = {.temperature = 0.7};
};

/// The model that judges replies where nothing can be checked, and what it must be measured on.
struct JudgeSection {
  std::string model;  ///< start model's name, folder, .gguf or short name; empty: no judge
  /// Pairs that people have judged (judge::read_labelled_pairs), relative to the recipe, or "pandalm", "llmbar": the
  /// parts that ship with drover.
  std::vector<std::string> calibrate_on = {"pandalm", "llmbar"};
  std::int64_t pairs = 40;  ///< of each set; 0: all
  bool force = false;       ///< asked although it is not above chance
};

struct RewardSection {
  std::string lowest_level = "better";  ///< comparisons below it are not trained on (Llama 3 report, 4.2.1)
  TrainSection train;
};

struct RejectSection {
  std::int64_t replies_per_prompt = 10;  ///< K; 10 to 30 in the Llama 3 report, 4.2.2
  bool allow_cut = false;                ///< whether a reply cut by the length limit may win
  bool require_right = false;            ///< whether a reply that the prompt's checker calls wrong may not win
  bool match_language = true;            ///< whether a reply in another language or script than its prompt may not win
  /// The temperature of each prompt is drawn between this and the sampling's; 0: no draw. The report draws from 0.2 to
  /// 1 in early rounds (4.3.2).
  double lowest_temperature = 0;
  double last_round_temperature = 0;        ///< in place of a draw in the last round (0.6 in 4.3.2); 0: no difference
  std::int64_t system_prompts_from = 2;     ///< the first round whose prompts get the capabilities' system prompts
  bool keep_system_prompt = false;          ///< whether the training row keeps that system prompt
  SamplingSection sampling;
};

/// Llama 3 report, 4.2.3; what the fields mean in detail stands in the headers of room `curate`.
struct CurateSection {
  bool drop_malformed = true;              ///< replies whose calls could not be read
  bool drop_duplicates = true;             ///< the same prompt and reply twice
  std::int64_t max_emojis = 3;             ///< in a reply; more are taken out
  std::int64_t max_exclamation_marks = 3;  ///< in a reply; more are taken out
  double apology_share = 0.02;             ///< of replies that begin with an apology; more of them are dropped
  std::int64_t leak_window_words = 13;     ///< of a suite's prompt that a row may not hold; 0: only whole prompts count
  double reward_share = 1.0;  ///< of a capability's replies, by reward, that count as high quality, together with the judge's
                              ///< best ones; the report takes 0.25; 1: quality drops nothing
  std::string topics;  ///< who sorts replies into coarse and fine topics: "judge", or a classifier by `drover train classify`
                       ///< (folder or short name); empty: nobody
  bool difficulty = false;    ///< whether the judge rates difficulty also where quality drops nothing (reward_share = 1), and lists
                              ///< the intentions behind each prompt, which are difficulty's other half (curate::worth_of)
  std::string encoder;        ///< sentence encoder for near duplicates: folder or short name; empty: only equal rows go
  double duplicate_threshold = 0.95;     ///< largest cosine between two dialogs that both stay
  std::string against = "all_earlier";   ///< "all_earlier" or "kept": what a dialog is compared with
  std::map<std::string, double> shares;  ///< of the mix by capability; those not named are left out. Or:
  std::map<std::string, double> epochs;  ///< how often each capability's rows are learned; those not named once
  std::int64_t rows = 0;                 ///< of the mix, with shares; 0: as many as the scarcest capability allows
  double max_epochs = 4.0;               ///< with shares: how often a row may be learned at most
};

struct SftSection {
  TrainSection train;
};

struct DpoSection {
  double beta = 0.1;               ///< Llama 3 report, 4.1.4
  double nll_weight = 0.2;         ///< the same
  bool mask_format_tokens = true;  ///< the same
  std::string lowest_level = "better";
  TrainSection train;
};

struct EvaluateSection {
  SamplingSection sampling;
};

struct Recipe {
  std::filesystem::path file;  ///< where it was read; relative paths start at its folder
  std::string text;            ///< as it was read
  std::string name;            ///< names the home: runs/NAME
  std::uint64_t seed = 1;
  std::int64_t rounds = 1;   ///< six in the Llama 3 report
  std::int64_t threads = 0;  ///< CPU threads; 0: all. Not part of a stage's key, though it may change rounding
  ModelsSection models;
  std::vector<StartModel> start;      ///< [start.NAME]
  std::vector<RemoteModel> remote;    ///< [remote.NAME]; `bootstrap` may name them
  std::vector<PromptSource> prompts;  ///< [prompts.NAME]
  std::vector<SuiteSource> suites;    ///< [suites.NAME]; never training prompts
  std::vector<CapabilitySection> capabilities;  ///< [capabilities.NAME]
  std::vector<SyntheticSource> synthetic;       ///< [synthetic.NAME]
  std::vector<PreferenceSource> preferences;    ///< [preferences.NAME]
  CollectSection collect;
  JudgeSection judge;
  RewardSection reward;
  RejectSection reject;
  CurateSection curate;
  SftSection sft;
  DpoSection dpo;
  EvaluateSection evaluate;

  std::filesystem::path resolve(const std::string& path) const;
  /// What a model is called in the recipe: a folder or file beside it, else a short name (model::model_path).
  std::filesystem::path model_path(const std::string& name) const;
};

/// Whether models that are not there make a recipe wrong: a plan can be made without them.
enum class MissingModels { kRefuse, kAllow };

/// Throws UserError with file, line, key and what is possible: bad TOML, keys that do not exist (with the nearest one),
/// wrong types, values out of range, names that refer to nothing.
Recipe read_recipe(const std::filesystem::path& file, MissingModels missing = MissingModels::kRefuse);
Recipe parse_recipe(std::string_view text, const std::filesystem::path& file, MissingModels missing = MissingModels::kRefuse);

/// The options that decide a stage's result, in one fixed spelling: what its key is made of. Options that only change
/// speed are left out.
std::string key_text(const CollectSection& section);
std::string key_text(const RewardSection& section);
std::string key_text(const RejectSection& section);
std::string key_text(const CurateSection& section);
std::string key_text(const SftSection& section);
std::string key_text(const DpoSection& section);
std::string key_text(const EvaluateSection& section);
std::string key_text(const StartModel& section);
std::string key_text(const std::vector<CapabilitySection>& sections);
std::string key_text(const std::vector<SyntheticSource>& sections);
std::string key_text(const std::vector<PreferenceSource>& sections);
std::string key_text(const JudgeSection& section);

}  // namespace drover::rounds
