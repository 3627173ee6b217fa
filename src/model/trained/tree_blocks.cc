#include "model/trained/tree_blocks.h"

#include <algorithm>
#include <map>

#include "model/packed/training_kernels.h"

namespace drover::model {
namespace {

class Builder {
 public:
  Builder(const TokenRow& row, std::int64_t window) : row_(row), window_(window) {}

  TreeBlocks build() {
    for (std::size_t s = 0; s < row_.segments.size(); ++s) cut(s);
    for (std::size_t s = 0; s < row_.segments.size(); ++s) {
      for (const std::int32_t queries : runs_of_[s]) see(s, queries);
    }
    blocks_.first_entry.push_back(static_cast<std::int64_t>(blocks_.keys.size()));
    turn_round();
    return std::move(blocks_);
  }

 private:
  void cut(std::size_t segment) {
    const Segment& own = row_.segments[segment];
    roots_.push_back(own.parent < 0 ? static_cast<std::int32_t>(segment) : roots_[static_cast<std::size_t>(own.parent)]);
    runs_of_.emplace_back();
    for (std::int64_t begin = own.begin; begin < own.end; begin += kBlockTokens) {
      const auto run = static_cast<std::int32_t>(blocks_.runs.size());
      blocks_.runs.push_back({begin, std::min(kBlockTokens, own.end - begin)});
      runs_of_.back().push_back(run);
      const auto [place, is_new] = place_of_root_.try_emplace(roots_.back(), blocks_.trees.size());
      if (is_new) blocks_.trees.emplace_back();
      blocks_.trees[place->second].push_back(run);
    }
  }

  // Ancestors first, from the root down, then the own segment up to the run itself: so every query's last block holds itself.
  void see(std::size_t segment, std::int32_t queries) {
    blocks_.first_entry.push_back(static_cast<std::int64_t>(blocks_.keys.size()));
    std::vector<std::size_t> path;
    for (auto s = static_cast<std::int32_t>(segment); s >= 0; s = row_.segments[static_cast<std::size_t>(s)].parent) {
      path.insert(path.begin(), static_cast<std::size_t>(s));
    }
    for (const std::size_t s : path) {
      for (const std::int32_t keys : runs_of_[s]) {
        if (keys <= queries) add_entry(queries, keys);
      }
    }
  }

  void add_entry(std::int32_t queries, std::int32_t keys) {
    const TreeBlocks::Run& from = blocks_.runs[static_cast<std::size_t>(queries)];
    const TreeBlocks::Run& to = blocks_.runs[static_cast<std::size_t>(keys)];
    std::int32_t begins[kBlockTokens] = {}, ends[kBlockTokens] = {};
    bool sees_any = false;
    for (std::int64_t r = 0; r < from.count; ++r) {
      const std::int64_t back = position(from.begin + r) - position(to.begin);  // of the run's first key
      const std::int64_t hidden = window_ > 0 ? std::max<std::int64_t>(0, back - window_ + 1) : 0;
      ends[r] = static_cast<std::int32_t>(std::min(to.count, back + 1));
      begins[r] = static_cast<std::int32_t>(std::min<std::int64_t>(hidden, ends[r]));
      sees_any = sees_any || begins[r] < ends[r];
    }
    if (!sees_any) return;
    blocks_.keys.push_back(keys);
    blocks_.begins.insert(blocks_.begins.end(), begins, begins + kBlockTokens);
    blocks_.ends.insert(blocks_.ends.end(), ends, ends + kBlockTokens);
  }

  std::int64_t position(std::int64_t token) const { return row_.positions[static_cast<std::size_t>(token)]; }

  void turn_round() {
    std::vector<std::vector<TreeBlocks::Seer>> seers(blocks_.runs.size());
    for (std::size_t queries = 0; queries < blocks_.runs.size(); ++queries) {
      for (std::int64_t entry = blocks_.first_entry[queries]; entry < blocks_.first_entry[queries + 1]; ++entry) {
        seers[static_cast<std::size_t>(blocks_.keys[static_cast<std::size_t>(entry)])].push_back({static_cast<std::int32_t>(queries), entry});
      }
    }
    for (const auto& of_run : seers) {
      blocks_.first_seer.push_back(static_cast<std::int64_t>(blocks_.seers.size()));
      blocks_.seers.insert(blocks_.seers.end(), of_run.begin(), of_run.end());
    }
    blocks_.first_seer.push_back(static_cast<std::int64_t>(blocks_.seers.size()));
  }

  const TokenRow& row_;
  std::int64_t window_;
  TreeBlocks blocks_;
  std::vector<std::int32_t> roots_;                      // of each segment
  std::vector<std::vector<std::int32_t>> runs_of_;       // of each segment
  std::map<std::int32_t, std::size_t> place_of_root_;    // in blocks_.trees
};

}  // namespace

TreeBlocks tree_blocks(const TokenRow& row, std::int64_t window) { return Builder(row, window).build(); }

}  // namespace drover::model
