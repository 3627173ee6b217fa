#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "chat/dialog.h"
#include "curate/row_vectors.h"
#include "model/encoder.h"

namespace drover::curate {

/// A dialog as an encoder reads it: one message below the other, each behind its sender ("user: ..."), calls as name
/// and arguments.
std::string text_of_dialog(const chat::Dialog& dialog);

/// One vector for each whole dialog: its text is cut into windows as long as the encoder takes, and the windows'
/// vectors are averaged, weighted by their tokens. Windows are computed together without padding; a vector does not
/// depend on the others. The vectors have length 1, or are zero where there is no text.
RowVectors embed_dialogs(std::span<const chat::Dialog> dialogs, const model::Encoder& encoder,
                         const base::OnProgress& on_progress = {});

/// The same for texts.
RowVectors embed_long_texts(std::span<const std::string> texts, const model::Encoder& encoder,
                            const base::OnProgress& on_progress = {});

}  // namespace drover::curate
