#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::preference {

/// Tests over a ledger of their own.
class WithLedger : public ::testing::Test {
 protected:
  WithLedger() : folder_(std::filesystem::path(::testing::TempDir()) / ("drover-preference-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ledger_ = std::make_unique<ledger::Ledger>(folder_ / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  }
  ~WithLedger() override { std::filesystem::remove_all(folder_); }

  /// A reply in the ledger.
  ledger::Generation add_reply(ledger::PromptId prompt, const std::string& model, const std::string& text) {
    ledger::Generation reply;
    reply.prompt = prompt;
    reply.stage = "key";
    reply.model = model;
    reply.reply = {{.sender = chat::Sender::kAssistant, .content = text}};
    ledger_->add(reply);
    return reply;
  }

  std::string write(const std::string& lines) const {
    std::ofstream(folder_ / "rows.jsonl") << lines;
    return (folder_ / "rows.jsonl").string();
  }

  std::filesystem::path folder_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

/// A prompt without a checker.
inline ledger::Prompt open_prompt(const std::string& text, std::vector<std::string> tags = {}) {
  ledger::Prompt prompt;
  prompt.dialog.messages = {{.sender = chat::Sender::kUser, .content = text}};
  prompt.source = "test";
  prompt.tags = std::move(tags);
  return prompt;
}

}  // namespace drover::preference
