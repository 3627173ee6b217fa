#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "chat/dialog.h"

namespace drover::ledger {

/// Whether this drover was built with Arrow. Without it the functions below throw UserError with what to do.
bool has_parquet();

/// Writes facts (fact_json.h) of one kind as a Parquet file, a column a key: texts and numbers as such, `ids` as a list
/// of int32, `log_probs` as a list of float32, whatever is nested as JSON text. Keys that a fact lacks are null.
class ParquetWriter {
 public:
  explicit ParquetWriter(const std::filesystem::path& file);
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;
  ~ParquetWriter();

  void add(const chat::Json& fact);
  /// Writes the end; without it the file cannot be read. Throws SurroundingsError when the disk refuses.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Calls `on_fact` with each row of such a file and its number from 1. Throws UserError when it is no Parquet file or has
/// columns of other types.
void read_parquet(const std::filesystem::path& file,
                  const std::function<void(std::int64_t number, const chat::Json& fact)>& on_fact);

}  // namespace drover::ledger
