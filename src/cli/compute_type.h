#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "model/model.h"

namespace drover::cli {

/// Adds `--dtype f32|bf16` to a command; `value` holds the default.
void add_dtype_option(CLI::App& command, std::string& value);

/// The type that a checked `--dtype` names.
model::ComputeType compute_type(const std::string& name);

}  // namespace drover::cli
