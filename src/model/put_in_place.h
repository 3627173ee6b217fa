#pragma once

#include <filesystem>

namespace drover::model {

/// Puts the finished folder `made` into the place of `target`, which lies on the same disk; what stood there goes. Throws SurroundingsError
/// when the system refuses: then what stood there stands there still, and `made` is kept beside it, or where it is, as the message says.
void put_in_place(const std::filesystem::path& made, const std::filesystem::path& target);

}  // namespace drover::model
