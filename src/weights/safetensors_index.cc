#include "weights/safetensors_index.h"

#include <set>

#include "base/error.h"
#include "base/shown_name.h"
#include "weights/strict_json_events.h"

namespace drover::weights {
namespace {

using base::UserError;

constexpr int kMaxDepth = 32;

/// Follows `{"weight_map": {string: string}, OTHER: anything of bounded depth}`.
class IndexEvents : public StrictJsonEvents {
 public:
  explicit IndexEvents(std::string_view where) : StrictJsonEvents(where) {}

  std::map<std::string, std::string> take_map() {
    if (!keys_.contains("weight_map")) throw UserError("{} lacks the 'weight_map' of a safetensors index.", where());
    return std::move(map_);
  }

  bool null() override { return accept_scalar("null"); }
  bool boolean(bool) override { return accept_scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return accept_scalar("a number"); }
  bool number_unsigned(number_unsigned_t) override { return accept_scalar("a number"); }
  bool number_float(number_float_t, const string_t&) override { return accept_scalar("a number"); }

  bool string(string_t& file) override {
    if (!in_map()) return accept_scalar("a string");
    if (depth_ != 2) refuse("a string");
    if (file.empty() || file == "." || file == ".." || file.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      throw UserError("{} places tensor {} in the file {}, which is not a plain file name. Shards lie beside their index.", where(),
                      base::shown_name(name_), base::shown_name(file));
    }
    map_.emplace(name_, file);
    return true;
  }

  bool start_object(std::size_t) override {
    if (in_map() && depth_ != 1) refuse("an object");
    return descend();
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0 || in_map()) refuse("an array");
    return descend();
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool key(string_t& key) override {
    if (depth_ == 1) {
      key_ = key;
      if (!keys_.insert(key).second) throw UserError("{} lists {} twice.", where(), base::shown_name(key));
    } else if (in_map()) {
      name_ = key;
      if (map_.contains(key)) throw UserError("{} lists the tensor {} twice.", where(), base::shown_name(key));
    }
    return true;
  }

 private:
  bool in_map() const { return depth_ >= 1 && key_ == "weight_map"; }

  bool accept_scalar(std::string_view found) {
    if (depth_ == 0 || in_map()) refuse(found);
    return true;
  }

  bool descend() {
    if (++depth_ > kMaxDepth) throw UserError("{} is nested deeper than {} levels.", where(), kMaxDepth);
    return true;
  }

  std::string place() const override {
    if (depth_ == 0) return "the whole document";
    return depth_ == 1 ? base::shown_name(key_) : "the file of tensor " + base::shown_name(name_);
  }

  int depth_ = 0;
  std::set<std::string, std::less<>> keys_;
  std::string key_;
  std::string name_;
  std::map<std::string, std::string> map_;
};

}  // namespace

std::map<std::string, std::string> parse_safetensors_index(std::string_view json, std::string_view where) {
  if (json.size() > kMaxSafetensorsIndexBytes) {
    throw UserError("{} has {} bytes; a safetensors index has at most {}.", where, json.size(), kMaxSafetensorsIndexBytes);
  }
  IndexEvents events(where);
  events.run(json);
  return events.take_map();
}

}  // namespace drover::weights
