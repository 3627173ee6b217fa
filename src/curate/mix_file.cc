// read_mix of mix.h.
#include <array>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "base/toml.h"
#include "curate/mix.h"

namespace drover::curate {
namespace {

constexpr std::array<std::string_view, 6> kKeys = {"by", "rows", "max_epochs", "seed", "shares", "epochs"};
constexpr std::uint64_t kMostBytes = 1 << 20;

class MixReader {
 public:
  explicit MixReader(std::string_view where) : where_(where) {}

  MixOptions read(const toml::table& table) const {
    MixOptions options;
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      if (name == "by") {
        options.by = by(node);
      } else if (name == "rows") {
        options.rows = whole(node, name);
      } else if (name == "max_epochs") {
        options.max_epochs = number(node, name);
      } else if (name == "seed") {
        options.seed = static_cast<std::uint64_t>(whole(node, name));
      } else if (name == "shares") {
        options.shares = amounts(node, name);
      } else if (name == "epochs") {
        options.epochs = amounts(node, name);
      } else {
        fail(node, fmt::format("there is no key \"{}\"{}", name, base::suggestion(name, kKeys)));
      }
    }
    return options;
  }

 private:
  [[noreturn]] void fail(const toml::node& node, const std::string& what) const {
    throw base::UserError("{}, line {}: {}.", where_, node.source().begin.line, what);
  }

  MixOptions::By by(const toml::node& node) const {
    const auto value = node.value<std::string>();
    if (value == "capability") return MixOptions::By::kCapability;
    if (value == "source") return MixOptions::By::kSource;
    fail(node, "\"by\" must be \"capability\" or \"source\"");
  }
  std::int64_t whole(const toml::node& node, std::string_view key) const {
    if (!node.is_integer()) fail(node, fmt::format("\"{}\" must be a whole number", key));
    const auto value = *node.value<std::int64_t>();
    if (value < 0) fail(node, fmt::format("\"{}\" is {}, but must be 0 or more", key, value));
    return value;
  }
  double number(const toml::node& node, std::string_view key) const {
    if (!node.is_number()) fail(node, fmt::format("\"{}\" must be a number", key));
    return *node.value<double>();
  }
  std::map<std::string, double> amounts(const toml::node& node, std::string_view key) const {
    const auto* table = node.as_table();
    if (table == nullptr) fail(node, fmt::format("\"{}\" must be a table of numbers", key));
    std::map<std::string, double> found;
    for (const auto& [name, value] : *table) found[std::string(name.str())] = number(value, name.str());
    return found;
  }

  std::string where_;
};

}  // namespace

MixOptions parse_mix(std::string_view text, std::string_view where) {
  toml::table table;
  try {
    table = toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    throw base::UserError("{}, line {}: {}.", where, error.source().begin.line, error.description());
  }
  auto options = MixReader(where).read(table);
  try {
    options.validate();
  } catch (const base::UserError& error) {
    throw base::UserError("{}: {}", where, error.what());
  }
  return options;
}

MixOptions read_mix(const std::filesystem::path& file) {
  return parse_mix(base::read_file(file, kMostBytes), file.string());
}

}  // namespace drover::curate
