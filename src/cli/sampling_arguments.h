#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/sampling_options.h"
#include "engine/token_constraint.h"
#include "text/tokenizer.h"

namespace drover::cli {

/// The options of commands that sample, as they stand on the command line.
struct SamplingArguments {
  engine::SamplingOptions options;
  std::vector<std::string> stop_tokens;  ///< spellings
  std::vector<std::string> logit_bias;   ///< "token=number", the token by its spelling or id
  std::vector<std::string> choices;
  std::string json_schema;               ///< a file
  bool json_object = false;

  /// The options with stop tokens and biases. Throws UserError for a token that the model does not have.
  engine::SamplingOptions options_for(const text::Tokenizer& tokenizer) const;

  /// What replies must look like; empty when anything goes.
  std::shared_ptr<const engine::TokenConstraint> constraint_for(const text::Tokenizer& tokenizer) const;
};

void add_sampling_options(CLI::App& command, SamplingArguments& arguments);

}  // namespace drover::cli
