#include "chat/checked_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shown_name.h"

namespace drover::chat {

void fail_at(std::string_view where, std::string_view reason) {
  if (where.empty()) throw base::UserError("{}", reason);
  throw base::UserError("{}: {}", where, reason);
}

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "a text";
    case Json::value_t::boolean: return "true or false";
    default: return "a number";
  }
}

CheckedObject::CheckedObject(const Json& value, std::string where) : value_(value), where_(std::move(where)) {
  if (!value.is_object()) fail_at(where_, fmt::format("expected an object, found {}", kind_of(value)));
}

const Json* CheckedObject::find(std::string_view key) const {
  for (const auto& [name, value] : value_.get_ref<const Json::object_t&>()) {
    if (name == key) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

const Json& CheckedObject::at(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) fail(fmt::format("the key \"{}\" is missing", key));
  return *value;
}

std::string CheckedObject::text(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_string()) fail_at(place(key), fmt::format("expected a text, found {}", kind_of(*value)));
  return value->get<std::string>();
}

void CheckedObject::refuse_unknown_keys(std::initializer_list<std::string_view> known,
                                        std::initializer_list<std::string_view> harmless) const {
  for (const auto& [key, value] : value_.get_ref<const Json::object_t&>()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const bool is_harmless = std::find(harmless.begin(), harmless.end(), key) != harmless.end();
    if (is_harmless && (value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty()))) continue;
    if (is_harmless) fail(fmt::format("the key \"{}\" is only understood when it is empty", base::escaped_name(key)));
    fail(fmt::format("unknown key \"{}\"{}", base::escaped_name(key), base::suggestion(key, std::vector<std::string_view>(known))));
  }
}

std::string CheckedObject::place(std::string_view key) const {
  return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
}

void CheckedObject::fail(std::string_view reason) const { fail_at(where_, reason); }

}  // namespace drover::chat
