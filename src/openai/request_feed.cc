#include "openai/request_feed.h"

#include <utility>

#include "base/error.h"

namespace drover::openai {
namespace {

class FeedListener final : public engine::Listener {
 public:
  FeedListener(std::shared_ptr<RequestFeed> feed, std::int64_t first_choice) : feed_(std::move(feed)), first_choice_(first_choice) {}

  bool on_token(std::int64_t sample, const engine::SampledToken& token) override { return feed_->push_token(first_choice_ + sample, token); }
  void on_sample_end(std::int64_t sample, engine::SampleEnd end) override { feed_->push_end(first_choice_ + sample, end); }
  void on_end(std::exception_ptr failure) override {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const base::Error& error) {
      feed_->fail(error.what());
    } catch (const std::exception&) {
      feed_->fail("The model failed at this request.");
    }
  }

 private:
  std::shared_ptr<RequestFeed> feed_;
  std::int64_t first_choice_;
};

}  // namespace

RequestFeed::RequestFeed(std::int64_t num_choices, std::size_t capacity)
    : capacity_(capacity), ended_(std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(num_choices))), num_choices_(num_choices) {}

bool RequestFeed::push_token(std::int64_t choice, const engine::SampledToken& token) {
  if (ended_[static_cast<std::size_t>(choice)]) return false;
  {
    const std::lock_guard lock(mutex_);
    if (events_.size() >= capacity_) {
      if (failure_.empty()) failure_ = "The client reads too slowly.";
      return false;
    }
    events_.push_back({.kind = FeedEvent::Kind::kToken, .choice = choice, .token = token});
  }
  changed_.notify_one();
  return true;
}

void RequestFeed::push_end(std::int64_t choice, engine::SampleEnd end) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back({.kind = FeedEvent::Kind::kEnd, .choice = choice, .end = end});
  }
  changed_.notify_one();
}

void RequestFeed::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = reason;
  }
  changed_.notify_one();
}

std::vector<FeedEvent> RequestFeed::take(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return !events_.empty() || !failure_.empty(); });
  return std::exchange(events_, {});
}

void RequestFeed::end_choice(std::int64_t choice) { ended_[static_cast<std::size_t>(choice)] = true; }

void RequestFeed::close() {
  for (std::int64_t i = 0; i < num_choices_; ++i) end_choice(i);
}

std::string RequestFeed::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::shared_ptr<engine::Listener> feed_listener(std::shared_ptr<RequestFeed> feed, std::int64_t first_choice) {
  return std::make_shared<FeedListener>(std::move(feed), first_choice);
}

}  // namespace drover::openai
