#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "model/model.h"
#include "model/packed/weight_form.h"

namespace drover::cli {

/// Adds `--dtype f32|bf16` to a command; `value` holds the default.
void add_dtype_option(CLI::App& command, std::string& value);

/// The type that a checked `--dtype` names.
model::ComputeType compute_type(const std::string& name);

/// Adds `--weights as-given|int8` to a command that samples; `value` holds the default.
void add_weights_option(CLI::App& command, std::string& value);

/// The form that a checked `--weights` names.
model::WeightForm weight_form(const std::string& name);

}  // namespace drover::cli
