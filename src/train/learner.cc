#include "train/learner.h"

namespace drover::train {

Learner::State Learner::state() const {
  State state;
  state.num_steps = num_steps();
  std::size_t index = 0;
  for (const auto& [name, shape] : model::parameter_shapes(config())) {
    state.masters.emplace_back(name, part(Part::kMaster, index));
    state.first_moments.emplace_back(name, part(Part::kFirstMoment, index));
    state.second_moments.emplace_back(name, part(Part::kSecondMoment, index));
    ++index;
  }
  return state;
}

}  // namespace drover::train
