#include "engine/page_pool.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace drover::engine {

PagePool::PagePool(std::shared_ptr<MemoryBudget> budget, MemoryBudget::Member& member, std::int64_t bytes_per_page,
                   std::function<void(PageId)> discard)
    : budget_(std::move(budget)),
      member_(member),
      bytes_per_page_(bytes_per_page),
      discard_(std::move(discard)),
      capacity_(std::min<std::int64_t>(budget_->bytes() / bytes_per_page, std::numeric_limits<std::int32_t>::max())) {}

PagePool::~PagePool() { budget_->give_back((in_use_ + cached() + reserved_) * bytes_per_page_); }

MemoryBudget::Answer PagePool::reserve(std::int64_t count) {
  const auto answer = budget_->take(member_, count * bytes_per_page_);
  if (answer == MemoryBudget::Answer::kTaken) reserved_ += count;
  return answer;
}

void PagePool::return_reserve(std::int64_t count) {
  DROVER_CHECK(count >= 0 && count <= reserved_, "{} pages are returned of {} reserved", count, reserved_);
  reserved_ -= count;
  ++num_returns_;
  if (count > 0) budget_->give_back(count * bytes_per_page_);
}

PageId PagePool::take() {
  DROVER_CHECK(reserved_ > 0, "A page is taken without a reserve");
  if (free_.empty()) {
    DROVER_CHECK(static_cast<std::int64_t>(pages_.size()) < capacity_, "All {} pages are taken though {} are reserved",
                 capacity_, reserved_);
    free_.push_back(PageId{static_cast<std::int32_t>(pages_.size())});
    pages_.emplace_back();
  }
  const auto page = free_.back();
  free_.pop_back();
  --reserved_;
  pages_[index_of(page)].holders = 1;
  peak_ = std::max(peak_, ++in_use_);
  return page;
}

void PagePool::hold(PageId page) {
  auto& entry = at(page);
  DROVER_CHECK(entry.holders > 0 || entry.kept, "Page {} is held though it is free", index_of(page));
  if (entry.holders++ == 0) {
    --cached_;
    peak_ = std::max(peak_, ++in_use_);
  }
}

bool PagePool::release(PageId page) {
  auto& entry = at(page);
  DROVER_CHECK(entry.holders > 0, "Page {} is released more often than held", index_of(page));
  if (--entry.holders > 0) return false;
  --in_use_;
  ++num_returns_;
  if (entry.kept) {
    ++cached_;
  } else {
    free(page);
  }
  return true;
}

void PagePool::keep(PageId page) {
  auto& entry = at(page);
  DROVER_CHECK(entry.holders > 0 && !entry.kept, "Page {} cannot be kept: {} holders", index_of(page), entry.holders);
  entry.kept = true;
}

void PagePool::drop(PageId page) {
  auto& entry = at(page);
  DROVER_CHECK(entry.holders == 0 && entry.kept, "Page {} is not cached: {} holders", index_of(page), entry.holders);
  entry.kept = false;
  --cached_;
  free(page);
}

void PagePool::free(PageId page) {
  if (budget_->is_shared()) discard_(page);
  free_.push_back(page);
  budget_->give_back(bytes_per_page_);
}

PagePool::Page& PagePool::at(PageId page) {
  DROVER_CHECK(index_of(page) < pages_.size(), "There is no page {}", static_cast<std::int32_t>(page));
  return pages_[index_of(page)];
}

void PagePool::check() const {
  const auto in_use = std::count_if(pages_.begin(), pages_.end(), [](const Page& page) { return page.holders > 0; });
  const auto cached =
      std::count_if(pages_.begin(), pages_.end(), [](const Page& page) { return page.holders == 0 && page.kept; });
  DROVER_CHECK(in_use == in_use_ && cached == this->cached(), "{} pages are in use, {} counted; {} cached, {} counted",
               in_use, in_use_, cached, this->cached());
  DROVER_CHECK(in_use + cached + static_cast<std::int64_t>(free_.size()) == static_cast<std::int64_t>(pages_.size()),
               "Pages were lost: {} + {} + {} of {}", in_use, cached, free_.size(), pages_.size());
  for (const auto page : free_) {
    const auto& entry = pages_[index_of(page)];
    DROVER_CHECK(entry.holders == 0 && !entry.kept, "Page {} is free and held", index_of(page));
  }
}

}  // namespace drover::engine
