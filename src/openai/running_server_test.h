#pragma once

// What tests of the server share: a server over the scripted model, a client, and bodies of requests.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "chat/byte_tokenizer_test.h"
#include "net/http_client.h"
#include "net/server_events.h"
#include "openai/scripted_paged_model_test.h"
#include "openai/server.h"

namespace drover::openai {

using chat::Json;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline ServedModel scripted_model(std::chrono::microseconds step = {}) {
  const auto tokenizer = chat::qwen_bytes();
  ServedModel model{.name = "parrot"};
  model.model = std::make_shared<ScriptedPagedModel>(tokenizer, step);
  model.tokenizer = tokenizer;
  model.format = chat::make_chat_format("chatml-qwen2.5", tokenizer);
  return model;
}

inline ServerOptions any_port() {
  ServerOptions options;
  options.http.port = 0;
  options.engine.memory_bytes = 16 << 20;
  return options;
}

/// A server over the scripted model and a client for it.
class ServerTest : public ::testing::Test {
 protected:
  void begin(ServedModel model, ServerOptions options = any_port()) {
    std::vector<ServedModel> models;
    models.push_back(std::move(model));
    begin(std::move(models), std::move(options));
  }
  void begin(std::vector<ServedModel> models, ServerOptions options = any_port()) {
    server_ = std::make_unique<Server>(std::move(models), std::move(options));
    server_->start();
  }
  void begin() { begin(scripted_model()); }

  net::HttpRequest request(const std::string& path, const Json& body) const {
    return {.method = "POST", .url = url(path), .headers = {{"Content-Type", "application/json"}}, .body = body.dump()};
  }
  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", server_->port(), path); }

  Json post(const std::string& path, const Json& body, int status = 200) {
    const auto result = client_.fetch(request(path, body));
    EXPECT_FALSE(result.failure) << result.failure->reason;
    EXPECT_EQ(result.response.status, status) << result.response.body;
    return Json::parse(result.response.body);
  }
  Json chat(Json body, int status = 200) { return post("/v1/chat/completions", body, status); }

  /// All chunks of a stream; the last event must be [DONE].
  std::vector<Json> stream(const std::string& path, Json body) {
    body["stream"] = true;
    std::vector<Json> chunks;
    bool is_done = false;
    net::ServerEventReader reader([&](std::string_view data) {
      EXPECT_FALSE(is_done);
      is_done = data == "[DONE]";
      if (!is_done) chunks.push_back(Json::parse(data));
    });
    std::optional<net::HttpResult> result;
    client_.start(request(path, body), [&](net::HttpResult ended) { result = std::move(ended); }, [&](std::string_view piece) {
      reader.push(piece);
      return true;
    });
    while (!result) client_.run(seconds(1));
    EXPECT_FALSE(result->failure);
    EXPECT_EQ(result->response.header("Content-Type"), "text/event-stream");
    EXPECT_TRUE(is_done);
    return chunks;
  }

  std::string metrics() { return client_.fetch({.url = url("/metrics")}).response.body; }

  /// Waits for something in the metrics; the limit only ends a test that has failed.
  bool metrics_come_to_hold(const std::string& line) {
    for (int i = 0; i < 2000; ++i) {
      if (metrics().find("\n" + line + "\n") != std::string::npos) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<Server> server_;
  net::HttpClient client_;
};

inline Json say(const std::string& text, Json more = Json::object()) {
  Json body = {{"model", "parrot"}, {"messages", Json::array({Json{{"role", "user"}, {"content", "say " + text}}})}};
  body.update(more);
  return body;
}

inline const Json kWeather = Json::parse(R"([{"type": "function", "function": {"name": "weather", "description": "Tells the weather.",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])");
inline const std::string kCall = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";

}  // namespace drover::openai
