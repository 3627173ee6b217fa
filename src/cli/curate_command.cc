#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/output_file.h"
#include "base/thread_pool.h"
#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/curated_output.h"
#include "cli/json_output.h"
#include "cli/measured_judge.h"
#include "cli/progress_line.h"
#include "curate/cleaning.h"
#include "curate/curation.h"
#include "curate/decontamination.h"
#include "curate/dialog_vectors.h"
#include "curate/difficulty.h"
#include "curate/judging.h"
#include "curate/mix.h"
#include "curate/mix_table.h"
#include "curate/near_duplicates.h"
#include "curate/quality.h"
#include "curate/rewards.h"
#include "curate/topics.h"
#include "generate/local_generator.h"
#include "generate/scorer.h"
#include "judge/answer_forms.h"
#include "judge/judge.h"
#include "judge/standing.h"
#include "model/encoder.h"
#include "model/model.h"
#include "model/model_path.h"
#include "model/threads.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

constexpr std::array<std::string_view, 9> kRules = {"empty",  "cut",          "malformed", "loops", "duplicates",
                                                    "emojis", "exclamations", "openings",  "none"};

struct CurateOptions {
  std::vector<std::string> inputs;
  std::string out, decisions, on_bad_row = "stop", ignored_keys;
  std::string rules = "empty,cut,malformed,loops,duplicates,emojis,exclamations,openings", marks = "rewrite";
  curate::CleaningOptions cleaning;
  std::vector<std::string> suites;
  curate::DecontaminationOptions decontamination;
  std::string reward, topics, encoder = "all-minilm-l6-v2", against = "all_earlier", mix, tokenizer,
                                     dtype = "bf16", device = "cpu";
  JudgeRequest judge;
  bool by_quality = false;
  curate::QualityOptions quality;
  double dedup = 0.0;
  curate::NearDuplicateOptions near_duplicates;
  std::int64_t seed = 1;
  int threads = 0;
  bool json = false, dry_run = false;
};

/// The rules that --rules names.
curate::CleaningOptions cleaning_of(const CurateOptions& options) {
  auto cleaning = options.cleaning;
  const auto has = [&](std::string_view rule) {
    return fmt::format(",{},", options.rules).find(fmt::format(",{},", rule)) != std::string::npos;
  };
  std::string_view rest = options.rules;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto rule = rest.substr(0, comma);
    if (std::find(kRules.begin(), kRules.end(), rule) == kRules.end()) {
      throw base::UserError("There is no rule '{}'{}. Known: {}.", rule, base::suggestion(rule, kRules),
                            fmt::join(kRules, ", "));
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  cleaning.drop_empty = has("empty");
  cleaning.drop_cut = has("cut");
  cleaning.drop_malformed = has("malformed");
  cleaning.drop_loops = has("loops");
  cleaning.drop_duplicates = has("duplicates");
  const auto treatment = options.marks == "drop" ? curate::Treatment::kDrop : curate::Treatment::kRewrite;
  cleaning.emojis = has("emojis") ? treatment : curate::Treatment::kLeave;
  cleaning.exclamation_marks = has("exclamations") ? treatment : curate::Treatment::kLeave;
  if (!has("openings")) cleaning.openings.apology_share = cleaning.openings.phrase_share = 1.0;
  cleaning.openings.seed = static_cast<std::uint64_t>(options.seed);
  cleaning.validate();
  return cleaning;
}

/// All that is wrong with the command line is said before anything long begins.
struct Checked {
  curate::CleaningOptions cleaning;
  curate::NearDuplicateOptions near_duplicates;
  std::optional<curate::MixOptions> mix;
  std::vector<judge::LabelledSet> calibration;
};

Checked check(const CurateOptions& options) {
  if (options.out.empty() && !options.dry_run)
    throw base::UserError("Say where the rows go by -o FILE, or see what would happen by --dry-run.");
  if (options.out == "-" && options.json)
    throw base::UserError("-o - and --json both need standard output: write the rows to a file.");
  if (options.judge.model.empty() && options.judge.is_forced) throw base::UserError("--force-judge needs a judge: --judge MODEL.");
  if (!options.dry_run) base::check_output_file(options.out);
  if (!options.decisions.empty() && !options.dry_run) base::check_output_file(options.decisions);
  Checked checked{.cleaning = cleaning_of(options), .near_duplicates = options.near_duplicates, .mix = std::nullopt, .calibration = {}};
  options.decontamination.validate();
  options.quality.validate();
  if (options.dedup != 0.0) {
    checked.near_duplicates.threshold = options.dedup;
    checked.near_duplicates.against = options.against == "kept" ? curate::Against::kKept : curate::Against::kAllEarlier;
    checked.near_duplicates.seed = static_cast<std::uint64_t>(options.seed);
    checked.near_duplicates.validate();
  }
  if (!options.mix.empty()) checked.mix = curate::read_mix(options.mix);
  if (!options.judge.model.empty()) checked.calibration = calibration_sets(options.judge);
  return checked;
}

CuratedInput read_inputs(const CurateOptions& options) {
  CuratedInput input;
  const std::vector<std::string> ignored =
      options.ignored_keys.empty() ? std::vector<std::string>{} : CLI::detail::split(options.ignored_keys, ',');
  for (const auto& path : options.inputs) {
    const auto source = path == "-" ? "standard input" : std::filesystem::path(path).stem().string();
    auto file = curate::read_rows(path, options.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop,
                                  source, ignored);
    if (!file.report.bad_rows.empty()) fmt::print(stderr, "{}\n", file.report.summary(path));
    for (std::size_t i = 0; i < file.rows.size(); ++i) {
      input.rows.push_back(std::move(file.rows[i]));
      input.places.push_back(fmt::format("{}, line {}", path, file.lines[i]));
    }
  }
  return input;
}

void clean(curate::Curation& curation, const curate::CleaningOptions& options, const base::OnProgress& on_progress,
           CuratedFacts& facts) {
  auto dialogs = curate::dialogs_of(curation.rows());
  const auto cleaning = curate::clean(dialogs, {}, options, on_progress);
  for (std::size_t i = 0; i < dialogs.size(); ++i) curation.rows()[i].dialog = std::move(dialogs[i]);
  curation.apply("clean", cleaning.decisions);
  facts.phrases = cleaning.phrases;
}

void decontaminate(curate::Curation& curation, const CurateOptions& options, const base::OnProgress& on_progress) {
  std::vector<curate::HeldOutPrompt> prompts;
  for (const auto& suite : options.suites) {
    auto some = curate::read_held_out_prompts(suite);
    std::move(some.begin(), some.end(), std::back_inserter(prompts));
  }
  const curate::Decontaminator decontaminator(prompts, options.decontamination);
  curation.apply("decontaminate",
                 curate::decontaminate(curate::dialogs_of(curation.rows()), decontaminator, on_progress));
}

/// A model with its chat format.
struct Loaded {
  std::shared_ptr<const model::Model> model;
  std::shared_ptr<const chat::ChatFormat> format;
};

Loaded load(const std::string& name, const CurateOptions& options) {
  const auto path = model::model_path(name);
  return {model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device}),
          choose_format("", path)};
}

void fill_topics(curate::Curation& curation, const CurateOptions& options, const base::OnProgress& on_progress) {
  const auto [model, format] = load(options.topics, options);
  if (model->config().head.kind == model::HeadKind::kClasses) {
    curate::fill_topics(curation.rows(), *curate::trained_topics(model, format, on_progress));
    return;
  }
  const auto generator = generate::make_local_generator(model, format);
  judge::Judge judge(*generator, judge::answer_forms(model->tokenizer()));
  judge.on_progress = on_progress;
  curate::fill_topics(curation.rows(), *curate::prompted_topics(judge));
}

void fill_rewards(curate::Curation& curation, const CurateOptions& options, const base::OnProgress& on_progress) {
  const auto [model, format] = load(options.reward, options);
  if (model->config().head.kind != model::HeadKind::kReward)
    throw base::UserError("'{}' is no reward model. Train one with `drover train reward`.", options.reward);
  generate::Scorer scorer(model, format);
  curate::fill_rewards(curation.rows(), scorer, on_progress);
}

/// A judge at chance would call good and bad rows the same, so it is measured before its points count.
void ask_judge(curate::Curation& curation, const CurateOptions& options, std::span<const judge::LabelledSet> sets,
               ProgressLine& progress, CuratedFacts& facts) {
  const auto [model, format] = load(options.judge.model, options);
  const auto generator = generate::make_local_generator(model, format);
  const auto forms = judge::answer_forms(model->tokenizer());
  judge::Judge judge(*generator, forms);
  judge.on_progress = progress.on_progress();
  const auto rows = curation.rows();
  if (std::any_of(rows.begin(), rows.end(), [](const curate::Row& row) { return !row.quality; })) {
    facts.judge = measure_judge(*generator, forms, options.judge, sets, progress);
    if (facts.judge->counts()) curate::judge_quality(rows, judge);
  }
  curate::judge_difficulty(curation.rows(), judge);
  curate::tag_intentions(curation.rows(), judge);
}

void drop_near_duplicates(curate::Curation& curation, const CurateOptions& options,
                          const curate::NearDuplicateOptions& chosen, const base::OnProgress& on_progress) {
  const auto encoder = model::Encoder::load(model::model_path(options.encoder), {.compute_type = compute_type(options.dtype), .device = options.device});
  auto vectors = curate::embed_dialogs(curate::dialogs_of(curation.rows()), *encoder, on_progress);
  base::ThreadPool pool(options.threads);
  curation.apply("near duplicates", curate::find_near_duplicates(std::move(vectors), curate::worth_of(curation.rows()),
                                                                 chosen, pool, on_progress)
                                        .decisions);
}

std::vector<std::int64_t> mix(curate::Curation& curation, const curate::MixOptions& options) {
  const auto mixed = curate::mix_rows(curation.rows(), options);
  curation.apply("mix", mixed.decisions);
  std::vector<std::int64_t> copies;
  for (const auto count : mixed.copies) {
    if (count > 0) copies.push_back(count);
  }
  return copies;
}

/// Tokens of a tokenizer, or words where none is named.
curate::CountTokens counter(const CurateOptions& options) {
  if (options.tokenizer.empty()) {
    return [](std::string_view text) {
      std::int64_t words = 0;
      bool inside = false;
      for (const char c : text) {
        const bool is_blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        words += !is_blank && !inside ? 1 : 0;
        inside = !is_blank;
      }
      return words;
    };
  }
  const auto tokenizer = text::load_tokenizer(model::model_path(options.tokenizer));
  return [tokenizer](std::string_view text) { return static_cast<std::int64_t>(tokenizer->encode(text).size()); };
}

/// An empty file would only fail later, in another command.
void refuse_nothing_left(const curate::Curation& curation, const CurateOptions& options, const CuratedFacts& facts) {
  if (!curation.rows().empty()) return;
  if (!options.decisions.empty() && !options.dry_run) write_decisions(options.decisions, curation, facts);
  const auto& step = curation.steps().back();
  throw base::UserError("No row is left: the step '{}' dropped the last {}. {} was not written; {} why.", step.name,
                        step.before, options.out.empty() ? "Output" : options.out,
                        options.decisions.empty() ? "--decisions FILE would say" : options.decisions + " says");
}

base::ExitStatus run(const CurateOptions& options) {
  const auto checked = check(options);
  model::use_threads(options.threads);
  auto input = read_inputs(options);
  ProgressLine progress;
  const auto on_progress = progress.on_progress();
  curate::Curation curation(std::move(input.rows));
  CuratedFacts facts{.places = std::move(input.places), .unit = options.tokenizer.empty() ? "words" : "tokens"};
  if (options.rules != "none") clean(curation, checked.cleaning, on_progress, facts);
  if (!options.suites.empty()) decontaminate(curation, options, on_progress);
  if (!options.topics.empty()) fill_topics(curation, options, on_progress);
  if (!options.reward.empty()) fill_rewards(curation, options, on_progress);
  if (!options.judge.model.empty()) ask_judge(curation, options, checked.calibration, progress, facts);
  if (options.by_quality) curation.apply("quality", curate::high_quality(curation.rows(), options.quality));
  if (options.dedup != 0.0) drop_near_duplicates(curation, options, checked.near_duplicates, on_progress);
  refuse_nothing_left(curation, options, facts);
  std::vector<std::int64_t> copies(curation.rows().size(), 1);
  if (checked.mix) copies = mix(curation, *checked.mix);
  facts.table = curate::sft_table(curation.rows(), copies, counter(options));
  progress.clear();
  if (!options.dry_run) {
    if (!options.decisions.empty()) write_decisions(options.decisions, curation, facts);
    write_rows(options.out, curation.rows(), copies);
  }
  const auto text = options.json ? json_of(curation, facts).dump() + "\n" : shown(curation, facts);
  if (options.out == "-") {
    fmt::print(stderr, "{}", text);
  } else {
    write_output(text);
  }
  return base::ExitStatus::kDone;
}

void add_cleaning_options(CLI::App& command, CurateOptions& options) {
  command
      .add_option("--rules", options.rules,
                  fmt::format("cleaning rules that apply, with commas between: {}", fmt::join(kRules, ", ")))
      ->capture_default_str();
  command.add_option("--marks", options.marks, "what happens to replies with too many marks: rewrite, or drop")
      ->check(CLI::IsMember({"rewrite", "drop"}))
      ->capture_default_str();
  command.add_option("--max-emojis", options.cleaning.max_emojis, "emojis that a reply may have")
      ->capture_default_str();
  command
      .add_option("--max-exclamations", options.cleaning.max_exclamation_marks,
                  "exclamation marks that a reply may have")
      ->capture_default_str();
  command
      .add_option("--apology-share", options.cleaning.openings.apology_share,
                  "share of replies that may begin with an apology; 1: any")
      ->capture_default_str();
  command
      .add_option("--opening-share", options.cleaning.openings.phrase_share,
                  "share of replies that may begin with the same three words; 1: any")
      ->capture_default_str();
}

void add_scoring_options(CLI::App& command, CurateOptions& options) {
  command.add_option("--topics", options.topics,
                     "model that sorts rows without a topic: a classifier by `drover train classify`, or a chat model");
  command.add_option("--reward", options.reward, "reward model that scores rows without a reward");
  command.add_option("--judge", options.judge.model,
                     "chat model that judges quality and difficulty and lists intentions where they are not known");
  command
      .add_option("--calibration", options.judge.calibration,
                  "with --judge: what it is measured on before its points count: pandalm, llmbar (the parts that ship "
                  "with drover) or JSONL files of judged pairs in their shapes")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--calibration-pairs", options.judge.pairs, "takes so many pairs of each, spread over it; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--force-judge", options.judge.is_forced, "let the judge's points count although it is not above chance");
  command.add_flag(
      "--quality", options.by_quality,
      "keep rows of high quality only: the best rewards of each capability, and what the judge gives all points");
  command
      .add_option("--reward-share", options.quality.reward_share,
                  "with --quality: share of a capability's rewards that counts as high")
      ->capture_default_str();
}

}  // namespace

void add_curate_command(const Commands& commands) {
  const auto options = std::make_shared<CurateOptions>();
  CLI::App& command = commands.add(
      "curate", "Cleans, decontaminates, scores, deduplicates and mixes training rows, and says why each row went",
      "drover curate docs/examples/dialogs.jsonl -o kept.jsonl --decisions decisions.jsonl", options, run);
  command
      .add_option("IN", options->inputs,
                  "JSONL files of dialogs, with or without reward, quality, difficulty, intentions, capability, "
                  "source, topic, subtopic; - is standard input")
      ->required();
  command.add_option("-o,--out", options->out, "where the rows go; - is standard output");
  command.add_option("--decisions", options->decisions,
                     "JSONL of each row that went or was changed: step, rule, reason");
  add_cleaning_options(command, *options);
  command.add_option("--decontaminate", options->suites, "JSONL files of prompts that must not be learned");
  command
      .add_option("--window-words", options->decontamination.window_words,
                  "also rows that hold runs of so many words of a prompt; 0: whole prompts only, 13 is usual")
      ->capture_default_str();
  command
      .add_option("--window-share", options->decontamination.window_share,
                  "share of a prompt's runs of words that makes a row a leak")
      ->capture_default_str();
  add_scoring_options(command, *options);
  command
      .add_option("--dedup", options->dedup,
                  "drop rows whose cosine with an earlier one is at least this, such as 0.95; 0: none")
      ->capture_default_str();
  command.add_option("--encoder", options->encoder, "sentence encoder of --dedup")->capture_default_str();
  command
      .add_option("--against", options->against, "with --dedup: compare with all earlier rows, or with the kept ones")
      ->check(CLI::IsMember({"all_earlier", "kept"}))
      ->capture_default_str();
  command
      .add_option("--clusters", options->near_duplicates.clusters,
                  "with --dedup: clusters inside which rows are compared; 0: one for each 4,096 rows")
      ->capture_default_str();
  command.add_option("--mix", options->mix, "TOML file of shares or epochs of capabilities or sources");
  command.add_option("--tokenizer", options->tokenizer,
                     "model whose tokens the table counts; without it words are counted");
  command.add_option("--ignore-keys", options->ignored_keys,
                     "keys of rows that are passed over and not written, with commas between");
  command.add_option("--on-bad-row", options->on_bad_row, "stop, or skip and say so")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->capture_default_str();
  command.add_option("--seed", options->seed, "of all that is drawn at random but the mix, whose file has one")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--dry-run", options->dry_run, "say what would happen and write nothing");
  command.add_flag("--json", options->json, "print the summary as one JSON object");
  command.add_option("--threads", options->threads, "threads; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_dtype_option(command, options->dtype);
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
