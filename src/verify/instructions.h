#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"

namespace drover::verify {

/// One verifiable instruction of IFEval (Zhou et al. 2023): a type and what it asks for.
struct Instruction {
  std::string id;        ///< "length_constraints:number_words"
  chat::Json arguments;  ///< {"num_words": 100, "relation": "at least"}
};

/// The 25 types that the published scorer has switched on.
const std::vector<std::string_view>& instruction_ids();

/// Reads {"instruction_id_list": [...], "kwargs": [...]}, two lists of equal length; arguments that are null are left out. Throws
/// UserError for an unknown type and for an argument that is missing or of the wrong type.
std::vector<Instruction> parse_instructions(std::string_view json);

/// Whether one text follows the instruction. A blank text follows none. Throws UserError when an argument is missing or odd,
/// SurroundingsError when a language is asked for and the language model is not there.
bool is_followed(const Instruction& instruction, std::string_view reply);

/// The reply as it is and the seven forms of the loose score: without asterisks, without its first line, its last, both, and these three
/// without asterisks.
std::vector<std::string> loose_forms(std::string_view reply);

/// One entry an instruction.
struct FollowedInstructions {
  std::vector<bool> strict;
  std::vector<bool> loose;  ///< followed by at least one of the loose forms

  bool all_strict() const;
  bool all_loose() const;
};

FollowedInstructions check_instructions(const std::vector<Instruction>& instructions, std::string_view reply);

}  // namespace drover::verify
