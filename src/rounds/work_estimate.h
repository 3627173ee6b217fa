#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rounds/prompt_pool.h"
#include "rounds/recipe.h"
#include "rounds/recipe_files.h"

namespace drover::rounds {

/// What a stage has to compute at the most: every reply goes on to its longest length, nothing is dropped.
struct StageWork {
  std::string stage;         ///< "start / evaluate", "collect"
  std::string counts;        ///< for people: "80 comparisons, 160 replies"
  double tokens_read = 0;    ///< prompts, and what is scored
  double tokens_sampled = 0;
  double tokens_trained = 0;
  double steps = 0;           ///< of optimizers
  double passes_trained = 3;  ///< a trained token costs as many read ones: forward and twice that backward; DPO has a reference
};

/// Work of the start and of each round, in the order of the stages.
struct RunWork {
  std::vector<StageWork> start;
  std::vector<std::vector<StageWork>> rounds;
};

RunWork estimate_work(const Recipe& recipe, const PromptPool& pool, const RecipeFiles& files);

/// The model that training starts from.
struct ModelSize {
  std::int64_t parameters = 0;
  std::int64_t layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t kv_width = 0;  ///< of one layer's keys
};

/// Empty when the model is not there yet.
std::optional<ModelSize> size_of_pretrained(const Recipe& recipe);

/// Seconds, at the speed that `kAssumedSpeed` states.
double seconds_of(const StageWork& work, const ModelSize& model, const Recipe& recipe);

/// What was measured (docs/measurements.md): two threads of a processor with AVX-512, SmolLM2-135M, bf16. Operations a
/// second and thread; half as many in f32.
struct AssumedSpeed {
  double sampling = 130e9;
  double reading = 190e9;
  double training = 190e9;
  double step_seconds = 5e-3;  ///< of an optimizer's step beside its tokens: what very small models take
};
inline constexpr AssumedSpeed kAssumedSpeed;

/// CPU threads that the run would have.
std::int64_t num_threads(const Recipe& recipe);

/// Bytes while a stage trains, and while it samples. What the program and the models of the run take is in both.
struct MemoryEstimate {
  double training = 0;
  double sampling = 0;
};
MemoryEstimate estimate_memory(const Recipe& recipe, const ModelSize& model, double prompt_tokens);

/// Mean tokens of the prompts.
double mean_prompt_tokens(const PromptPool& pool);

}  // namespace drover::rounds
