#pragma once

#include <string>

#include "rounds/workspace.h"

namespace drover::rounds {

/// Drops from the kept replies of `stage_before` what nobody should learn: cut, empty and malformed replies, and
/// replies that stand there twice for the same dialog. Records one decision a reply, with the rule that decided.
FactSet clean_replies(Workspace& work, const std::string& stage, const FactSet& best);

}  // namespace drover::rounds
