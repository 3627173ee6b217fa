#pragma once

#include <span>
#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Drops from the replies that earlier stages kept what nobody should learn: cut, empty and malformed replies, and
/// replies that stand there twice for the same dialog. Records one decision a reply, with the rule that decided.
FactSet clean_replies(Workspace& work, const std::string& stage, std::span<const FactSet> candidates);

}  // namespace drover::rounds
