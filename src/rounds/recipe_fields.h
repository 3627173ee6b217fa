#pragma once

#include <limits>
#include <string_view>
#include <vector>

#include "rounds/recipe.h"

// The recipe's tables, field by field: one list that the reader, the stage keys and the tests share. A visitor has
//   visitor(key, field, limits)        for numbers, texts, switches, lists of texts or numbers, and tables of numbers
//   visitor.speed(key, field, limits)  for what only changes speed or memory
//   visitor.section(key, field)        for a table inside
//   visitor.named(key, list)           for tables that users name: [start.NAME]

namespace drover::rounds {

/// What a number may be.
struct Between {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_is_out = false;  ///< the lowest value itself is not allowed
};
constexpr Between at_least(double low) { return {.low = low}; }
constexpr Between above(double low) { return {.low = low, .low_is_out = true}; }

/// What a text may be; no list: anything.
struct OneOf {
  std::vector<std::string_view> names;
};

template <typename Visitor>
void visit_fields(Visitor& visit, SamplingSection& section) {
  visit("temperature", section.temperature, Between{.low = 0, .high = 100});
  visit("top_p", section.top_p, Between{.low = 0, .high = 1, .low_is_out = true});
  visit("max_tokens", section.max_tokens, Between{.low = 1, .high = 1 << 20});
  // The batch decides which replies are computed together, and so their rounding: it belongs to the key.
  visit("prompts_per_batch", section.prompts_per_batch, Between{.low = 1, .high = 1 << 16});
}

template <typename Visitor>
void visit_fields(Visitor& visit, TrainSection& section) {
  visit("learning_rate", section.learning_rate, Between{.low = 0, .high = 1, .low_is_out = true});
  visit("steps", section.steps, Between{.low = 0, .high = 1e9});
  visit("epochs", section.epochs, Between{.low = 0, .high = 1e6, .low_is_out = true});
  visit("rows_per_step", section.rows_per_step, Between{.low = 1, .high = 1 << 20});
  visit("schedule", section.schedule, OneOf{{"constant", "linear", "cosine"}});
  visit("warmup_steps", section.warmup_steps, Between{.low = 0, .high = 1e9});
  visit("final_share", section.final_share, Between{.low = 0, .high = 1});
  visit("weight_decay", section.weight_decay, Between{.low = 0, .high = 1});
  visit("clip_norm", section.clip_norm, Between{.low = 0, .high = 1e9});
  visit("max_tokens", section.max_tokens, Between{.low = 2, .high = 1 << 24});
  visit.speed("packed_tokens", section.packed_tokens, Between{.low = 1, .high = 1 << 24});
  visit("variants", section.variants, Between{.low = 1, .high = 64});
  visit("variant_learning_rates", section.variant_learning_rates, Between{.low = 0, .high = 1, .low_is_out = true});
  visit("data_share", section.data_share, Between{.low = 0, .high = 1, .low_is_out = true});
}

template <typename Visitor>
void visit_fields(Visitor& visit, StartModel& section) {
  visit("seed", section.seed, at_least(0));
  visit("from", section.from, OneOf{});
  visit("tokenizer", section.tokenizer, OneOf{});
  visit("text", section.text, OneOf{});
  visit("hidden_size", section.hidden_size, Between{.low = 2, .high = 1 << 16});
  visit("intermediate_size", section.intermediate_size, Between{.low = 1, .high = 1 << 18});
  visit("num_layers", section.num_layers, Between{.low = 1, .high = 1024});
  visit("num_heads", section.num_heads, Between{.low = 1, .high = 1024});
  visit("num_kv_heads", section.num_kv_heads, Between{.low = 1, .high = 1024});
  visit("max_positions", section.max_positions, Between{.low = 2, .high = 1 << 24});
  visit.section("train", section.train);
}

template <typename Visitor>
void visit_fields(Visitor& visit, RemoteModel& section) {
  visit("url", section.url, OneOf{});
  visit("model", section.model, OneOf{});
  visit("key_variable", section.key_variable, OneOf{});
}

template <typename Visitor>
void visit_fields(Visitor& visit, ModelsSection& section) {
  visit("format", section.format, OneOf{});
  visit("compute", section.compute, OneOf{{"f32", "bf16"}});
  visit("pretrained", section.pretrained, OneOf{});
  visit("bootstrap", section.bootstrap, OneOf{});
}

template <typename Visitor>
void visit_fields(Visitor& visit, PromptSource& section) {
  visit("file", section.file, OneOf{});
  visit("generator", section.generator, OneOf{{"arithmetic"}});
  visit("count", section.count, Between{.low = 0, .high = 1e8});
  visit("constraints", section.constraints, Between{.low = 0, .high = 6});
  visit("licence", section.licence, OneOf{});
  visit("capability", section.capability, OneOf{});
}

template <typename Visitor>
void visit_fields(Visitor& visit, SuiteSource& section) {
  visit("file", section.file, OneOf{});
  visit("licence", section.licence, OneOf{});
  visit("capability", section.capability, OneOf{});
  visit("categories", section.categories, OneOf{});
  visit("limit", section.limit, at_least(0));
}

template <typename Visitor>
void visit_fields(Visitor& visit, CapabilitySection& section) {
  visit("system_prompts", section.system_prompts, OneOf{});
}

template <typename Visitor>
void visit_fields(Visitor& visit, SyntheticSource& section) {
  visit("file", section.file, OneOf{});
  visit("command", section.command, OneOf{});
  visit("licence", section.licence, OneOf{});
  visit("capability", section.capability, OneOf{});
  visit("from_round", section.from_round, at_least(1));
  visit("rows", section.rows, at_least(0));
}

template <typename Visitor>
void visit_fields(Visitor& visit, PreferenceSource& section) {
  visit("file", section.file, OneOf{});
  visit("licence", section.licence, OneOf{});
  visit("capability", section.capability, OneOf{});
  visit("level", section.level,
        OneOf{{"marginally_better", "slightly_better", "better", "significantly_better"}});
  visit("from_round", section.from_round, at_least(1));
  visit("rows", section.rows, at_least(0));
}

template <typename Visitor>
void visit_fields(Visitor& visit, JudgeSection& section) {
  visit("model", section.model, OneOf{});
  visit("calibrate_on", section.calibrate_on, OneOf{});
  visit("pairs", section.pairs, at_least(0));
  visit("force", section.force, OneOf{});
}

template <typename Visitor>
void visit_fields(Visitor& visit, CollectSection& section) {
  visit("prompts_per_round", section.prompts_per_round, at_least(0));
  visit("num_weakest", section.num_weakest, Between{.low = 0, .high = 1000});
  visit("weak_share", section.weak_share, Between{.low = 0, .high = 1});
  visit("complexity_step", section.complexity_step, Between{.low = 0, .high = 1});
  visit("comparisons_per_prompt", section.comparisons_per_prompt, Between{.low = 1, .high = 1000});
  visit("annotators", section.annotators, OneOf{});
  visit("second_opinion_share", section.second_opinion_share, Between{.low = 0, .high = 1});
  visit("edit", section.edit, OneOf{});
  visit("multi_turn", section.multi_turn, OneOf{});
  visit("turns", section.turns, Between{.low = 1, .high = 100});
  visit.section("sampling", section.sampling);
  visit.section("edit_sampling", section.edit_sampling);
}

template <typename Visitor>
void visit_fields(Visitor& visit, RewardSection& section) {
  visit("lowest_level", section.lowest_level,
        OneOf{{"marginally_better", "slightly_better", "better", "significantly_better"}});
  visit.section("train", section.train);
}

template <typename Visitor>
void visit_fields(Visitor& visit, RejectSection& section) {
  visit("replies_per_prompt", section.replies_per_prompt, Between{.low = 1, .high = 10000});
  visit("allow_cut", section.allow_cut, OneOf{});
  visit("require_right", section.require_right, OneOf{});
  visit("match_language", section.match_language, OneOf{});
  visit("lowest_temperature", section.lowest_temperature, Between{.low = 0, .high = 100});
  visit("last_round_temperature", section.last_round_temperature, Between{.low = 0, .high = 100});
  visit("system_prompts_from", section.system_prompts_from, at_least(1));
  visit("keep_system_prompt", section.keep_system_prompt, OneOf{});
  visit.section("sampling", section.sampling);
}

template <typename Visitor>
void visit_fields(Visitor& visit, CurateSection& section) {
  visit("drop_malformed", section.drop_malformed, OneOf{});
  visit("drop_duplicates", section.drop_duplicates, OneOf{});
  visit("max_emojis", section.max_emojis, at_least(0));
  visit("max_exclamation_marks", section.max_exclamation_marks, at_least(0));
  visit("apology_share", section.apology_share, Between{.low = 0, .high = 1, .low_is_out = true});
  visit("leak_window_words", section.leak_window_words, Between{.low = 0, .high = 1000});
  visit("reward_share", section.reward_share, Between{.low = 0, .high = 1});
  visit("topics", section.topics, OneOf{});
  visit("difficulty", section.difficulty, OneOf{});
  visit("encoder", section.encoder, OneOf{});
  visit("duplicate_threshold", section.duplicate_threshold, Between{.low = 0, .high = 1, .low_is_out = true});
  visit("against", section.against, OneOf{{"all_earlier", "kept"}});
  visit("shares", section.shares, at_least(0));
  visit("epochs", section.epochs, at_least(0));
  visit("rows", section.rows, at_least(0));
  visit("max_epochs", section.max_epochs, Between{.low = 1, .high = 1000});
}

template <typename Visitor>
void visit_fields(Visitor& visit, SftSection& section) {
  visit.section("train", section.train);
}

template <typename Visitor>
void visit_fields(Visitor& visit, DpoSection& section) {
  visit("beta", section.beta, Between{.low = 0, .high = 1000, .low_is_out = true});
  visit("nll_weight", section.nll_weight, Between{.low = 0, .high = 1000});
  visit("mask_format_tokens", section.mask_format_tokens, OneOf{});
  visit("lowest_level", section.lowest_level,
        OneOf{{"marginally_better", "slightly_better", "better", "significantly_better"}});
  visit.section("train", section.train);
}

template <typename Visitor>
void visit_fields(Visitor& visit, EvaluateSection& section) {
  visit.section("sampling", section.sampling);
}

template <typename Visitor>
void visit_fields(Visitor& visit, Recipe& recipe) {
  visit("name", recipe.name, OneOf{});
  visit("seed", recipe.seed, at_least(0));
  visit("rounds", recipe.rounds, Between{.low = 1, .high = 1000});
  visit.speed("threads", recipe.threads, Between{.low = 0, .high = 4096});
  visit.section("models", recipe.models);
  visit.named("start", recipe.start);
  visit.named("remote", recipe.remote);
  visit.named("prompts", recipe.prompts);
  visit.named("suites", recipe.suites);
  visit.named("capabilities", recipe.capabilities);
  visit.named("synthetic", recipe.synthetic);
  visit.named("preferences", recipe.preferences);
  visit.section("collect", recipe.collect);
  visit.section("judge", recipe.judge);
  visit.section("reward", recipe.reward);
  visit.section("reject", recipe.reject);
  visit.section("curate", recipe.curate);
  visit.section("sft", recipe.sft);
  visit.section("dpo", recipe.dpo);
  visit.section("evaluate", recipe.evaluate);
}

}  // namespace drover::rounds
