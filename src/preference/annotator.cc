#include "preference/annotator.h"

namespace drover::preference {

std::vector<std::optional<Judgement>> Annotator::compare_all(std::span<const Question> questions) {
  std::vector<std::optional<Judgement>> judgements;
  for (const auto& question : questions) judgements.push_back(compare(question.prompt, question.first, question.second));
  return judgements;
}

}  // namespace drover::preference
