#include "train/learner.h"

namespace drover::train {

Learner::State Learner::state() const {
  State state;
  state.num_steps = num_steps();
  std::size_t index = 0;
  for (const auto& [name, shape] : learned_shapes()) {
    state.masters.emplace_back(name, part(Part::kMaster, index));
    state.first_moments.emplace_back(name, part(Part::kFirstMoment, index));
    state.second_moments.emplace_back(name, part(Part::kSecondMoment, index));
    ++index;
  }
  return state;
}

model::NamedShapes shapes_of(const model::Adapter& adapter) {
  model::NamedShapes shapes;
  for (const auto& [name, tensor] : model::tensors_of(adapter)) shapes.emplace_back(name, tensor.sizes().vec());
  return shapes;
}

}  // namespace drover::train
