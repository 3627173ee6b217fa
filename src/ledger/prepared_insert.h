#pragma once

#include <soci/soci.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace drover::ledger {

/// An insert statement that the database has compiled once. Rows that collide with one that is there are left out.
/// Values are std::int64_t, double, std::string or std::optional<double> (empty: NULL).
template <typename... Values>
class PreparedInsert {
 public:
  /// `columns`: "id, parent, message".
  PreparedInsert(soci::session& sql, std::string_view table, std::string_view columns) : statement_(sql) {
    statement_.exchange(soci::into(seq_));
    exchange(std::index_sequence_for<Values...>());
    std::string places;
    for (std::size_t i = 0; i < sizeof...(Values); ++i) places += (i == 0 ? ":v" : ", :v") + std::to_string(i);
    statement_.alloc();
    statement_.prepare("insert into " + std::string(table) + " (" + std::string(columns) + ") values (" + places +
                       ") on conflict do nothing returning seq");
    statement_.define_and_bind();
  }
  PreparedInsert(const PreparedInsert&) = delete;
  PreparedInsert& operator=(const PreparedInsert&) = delete;

  /// The row's `seq`; empty when such a row was there.
  template <typename... Given>
  std::optional<std::int64_t> operator()(Given&&... values) {
    static_assert(sizeof...(Given) == sizeof...(Values));
    assign(std::index_sequence_for<Values...>(), std::forward<Given>(values)...);
    if (!statement_.execute(true)) return std::nullopt;
    const auto seq = seq_;
    while (statement_.fetch()) continue;  // a statement with rows left keeps the transaction open
    return seq;
  }

 private:
  // The statement reads its values from these places.
  template <typename Value>
  struct Place {
    Value value{};
    template <typename Given>
    void set(Given&& given) {
      value = std::forward<Given>(given);
    }
    void bind(soci::statement& statement) { statement.exchange(soci::use(value)); }
  };
  template <typename Value>
  struct Place<std::optional<Value>> {
    Value value{};
    soci::indicator is_there = soci::i_null;
    void set(const std::optional<Value>& given) {
      value = given.value_or(Value{});
      is_there = given ? soci::i_ok : soci::i_null;
    }
    void bind(soci::statement& statement) { statement.exchange(soci::use(value, is_there)); }
  };

  template <std::size_t... kIndex>
  void exchange(std::index_sequence<kIndex...>) {
    (std::get<kIndex>(places_).bind(statement_), ...);
  }
  template <std::size_t... kIndex, typename... Given>
  void assign(std::index_sequence<kIndex...>, Given&&... values) {
    (std::get<kIndex>(places_).set(std::forward<Given>(values)), ...);
  }

  std::tuple<Place<Values>...> places_;
  std::int64_t seq_ = 0;
  soci::statement statement_;
};

}  // namespace drover::ledger
