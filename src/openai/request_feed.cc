#include "openai/request_feed.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace drover::openai {
namespace {

class FeedListener final : public engine::Listener {
 public:
  FeedListener(std::shared_ptr<RequestFeed> feed, std::int64_t first_choice) : feed_(std::move(feed)), first_choice_(first_choice) {}

  void on_top(std::int64_t, std::span<const engine::RankedToken> top) override { top_.assign(top.begin(), top.end()); }
  bool on_token(std::int64_t sample, const engine::SampledToken& token) override { return feed_->push_token(first_choice_ + sample, token, top_); }
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
  std::vector<engine::RankedToken> top_;  // of the next token
};

}  // namespace

RequestFeed::RequestFeed(std::int64_t num_choices)
    : ended_(std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(num_choices))),
      num_choices_(num_choices),
      places_(static_cast<std::size_t>(num_choices), 0) {}

ChoiceNews& RequestFeed::news_of(std::int64_t choice) {
  auto& place = places_[static_cast<std::size_t>(choice)];
  if (place == 0) {
    news_.push_back({.choice = choice});
    place = news_.size();
  }
  return news_[place - 1];
}

bool RequestFeed::push_token(std::int64_t choice, const engine::SampledToken& token, std::span<const engine::RankedToken> top) {
  if (ended_[static_cast<std::size_t>(choice)]) return false;
  {
    const std::lock_guard lock(mutex_);
    news_of(choice).run.add(token, top);
  }
  changed_.notify_one();
  return true;
}

void RequestFeed::push_end(std::int64_t choice, engine::SampleEnd end) {
  {
    const std::lock_guard lock(mutex_);
    news_of(choice).end = end;
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

std::vector<ChoiceNews> RequestFeed::take(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return !news_.empty() || !failure_.empty(); });
  std::fill(places_.begin(), places_.end(), 0);
  return std::exchange(news_, {});
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
