#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace drover::engine {

using SchemaJson = nlohmann::ordered_json;

/// A schema without $ref, allOf, anyOf, oneOf and nullable: keywords that all hold together.
struct PlainSchema {
  SchemaJson keywords = SchemaJson::object();
  std::string place = "#";    ///< JSON pointer, for messages
  bool is_merged = false;     ///< put together from several places
};

/// Turns the schemas of one document into alternatives of plain ones: allOf merges, anyOf and oneOf spread out, references resolve.
/// Throws UserError, naming keyword and place, for what has no exact meaning here.
class SchemaDocument {
 public:
  /// `root` must outlive this object. Throws UserError when it has too many members to be read in reasonable time.
  explicit SchemaDocument(const SchemaJson& root);

  /// The plain schemas of which at least one must hold; empty when nothing can satisfy `schema`.
  std::vector<PlainSchema> alternatives(const SchemaJson& schema, const std::string& place) const;

 private:
  struct Open;  // references that are being resolved
  std::vector<PlainSchema> expand(const SchemaJson& schema, const std::string& place, Open& open) const;
  const SchemaJson& resolve(const SchemaJson& reference, const std::string& place, std::string& target_place) const;
  void require_disjoint(const std::vector<std::vector<PlainSchema>>& branches, const std::string& place) const;
  bool are_disjoint(const PlainSchema& left, const PlainSchema& right, int depth) const;
  bool misses_a_demand(const PlainSchema& maker, const PlainSchema& judge) const;

  const SchemaJson& root_;
};

/// The JSON types that a plain schema allows, in the order of its "type"; guessed from the keywords when it has none (a schema with
/// "properties" means an object). Empty when any JSON is allowed.
std::vector<std::string> types_of(const PlainSchema& schema);

/// A JSON pointer one step further.
std::string place_of(const std::string& place, std::string_view key);

}  // namespace drover::engine
