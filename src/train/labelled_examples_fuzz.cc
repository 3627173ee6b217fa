// A line of a file with labels, read as each kind of example: whatever is read has one label a reply, and labels are probabilities.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "train/labelled_examples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  try {
    const auto example = train::outcome_example(line);
    DROVER_CHECK_EQ(example.replies.size(), example.labels.size(), "One label a reply");
    for (const float label : example.labels) DROVER_CHECK(label >= 0.0F && label <= 1.0F, "Label {}", label);
  } catch (const base::UserError&) {
  }
  try {
    const auto example = train::steps_example(line);
    for (const auto& label : example.labels) DROVER_CHECK(!label || (*label >= 0.0F && *label <= 1.0F), "Label {}", *label);
  } catch (const base::UserError&) {
  }
  try {
    DROVER_CHECK(!train::class_example(line).label.empty(), "A class has a name");
  } catch (const base::UserError&) {
  }
  return 0;
}
