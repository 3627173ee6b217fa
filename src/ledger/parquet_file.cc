#include "ledger/parquet_file.h"

#include "base/error.h"

#ifdef DROVER_HAS_ARROW

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>

#include <set>
#include <string>
#include <vector>

namespace drover::ledger {
namespace {

using chat::Json;

constexpr std::int64_t kRowsPerGroup = 20'000;
constexpr const char* kMark = "drover";  // a column's metadata: "json" for nested values

enum class ColumnType { kText, kJson, kWhole, kReal, kIds, kFloats };

ColumnType type_of(const std::string& key) {
  static const std::set<std::string> kNested = {"messages", "tools",     "core_tools", "tags",   "prompt", "reply",
                                                "scores",   "verdicts",  "decisions",  "edited", "other",  "preferred",
                                                "replies",  "first",     "second",     "parents"};
  if (kNested.contains(key)) return ColumnType::kJson;
  if (key == "sample" || key == "turn" || key == "ordinal") return ColumnType::kWhole;
  if (key == "difficulty") return ColumnType::kReal;
  if (key == "ids") return ColumnType::kIds;
  if (key == "log_probs") return ColumnType::kFloats;
  return ColumnType::kText;
}

std::shared_ptr<arrow::DataType> arrow_type(ColumnType type) {
  switch (type) {
    case ColumnType::kWhole:
      return arrow::int64();
    case ColumnType::kReal:
      return arrow::float64();
    case ColumnType::kIds:
      return arrow::list(arrow::int32());
    case ColumnType::kFloats:
      return arrow::list(arrow::float32());
    default:
      return arrow::utf8();
  }
}

void check_write(const arrow::Status& status) {
  if (!status.ok()) throw base::SurroundingsError("The Parquet file could not be written: {}.", status.message());
}

void check_read(const std::filesystem::path& file, const arrow::Status& status) {
  if (!status.ok()) throw base::UserError("{} could not be read as Parquet: {}.", file.string(), status.message());
}

void append(ColumnType type, const Json& value, arrow::ArrayBuilder& builder) {
  switch (type) {
    case ColumnType::kText:
      return check_write(static_cast<arrow::StringBuilder&>(builder).Append(
          value.is_string() ? value.get_ref<const std::string&>() : value.dump()));
    case ColumnType::kJson:
      return check_write(static_cast<arrow::StringBuilder&>(builder).Append(
          value.dump(-1, ' ', false, Json::error_handler_t::replace)));
    case ColumnType::kWhole:
      return check_write(static_cast<arrow::Int64Builder&>(builder).Append(value.get<std::int64_t>()));
    case ColumnType::kReal:
      return check_write(static_cast<arrow::DoubleBuilder&>(builder).Append(value.get<double>()));
    case ColumnType::kIds: {
      auto& list = static_cast<arrow::ListBuilder&>(builder);
      check_write(list.Append());
      for (const auto& id : value)
        check_write(static_cast<arrow::Int32Builder*>(list.value_builder())->Append(id.get<std::int32_t>()));
      return;
    }
    case ColumnType::kFloats: {
      auto& list = static_cast<arrow::ListBuilder&>(builder);
      check_write(list.Append());
      for (const auto& number : value)
        check_write(static_cast<arrow::FloatBuilder*>(list.value_builder())->Append(number.get<float>()));
      return;
    }
  }
}

Json value_at(const arrow::Array& array, std::int64_t row, bool is_json) {
  switch (array.type_id()) {
    case arrow::Type::STRING: {
      const auto text = static_cast<const arrow::StringArray&>(array).GetString(row);
      if (!is_json) return text;
      auto value = Json::parse(text, nullptr, false);
      if (value.is_discarded()) throw base::UserError("row {} holds a damaged JSON text", row + 1);
      return value;
    }
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Array&>(array).Value(row);
    case arrow::Type::INT32:
      return static_cast<const arrow::Int32Array&>(array).Value(row);
    case arrow::Type::DOUBLE:
      return static_cast<const arrow::DoubleArray&>(array).Value(row);
    case arrow::Type::FLOAT:
      return static_cast<const arrow::FloatArray&>(array).Value(row);
    case arrow::Type::LIST: {
      const auto values = static_cast<const arrow::ListArray&>(array).value_slice(row);
      auto list = Json::array();
      for (std::int64_t i = 0; i < values->length(); ++i) list.push_back(value_at(*values, i, false));
      return list;
    }
    default:
      throw base::UserError("a column has the type {}, which no export writes", array.type()->ToString());
  }
}

}  // namespace

struct ParquetWriter::State {
  std::shared_ptr<arrow::io::FileOutputStream> stream;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  std::vector<std::string> keys;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  std::int64_t rows = 0;

  // Columns come from the first fact; a prompt may lack some that later ones have.
  void begin(const Json& fact) {
    for (const auto& [key, value] : fact.items()) keys.push_back(key);
    if (fact.value("kind", "") == "prompt") {
      for (const auto* key : {"tools", "core_tools", "today", "difficulty"}) {
        if (!fact.contains(key)) keys.emplace_back(key);
      }
    }
    arrow::FieldVector fields;
    for (const auto& key : keys) {
      const auto type = type_of(key);
      auto field = arrow::field(key, arrow_type(type));
      if (type == ColumnType::kJson) field = field->WithMetadata(arrow::key_value_metadata({kMark}, {"json"}));
      fields.push_back(std::move(field));
    }
    schema = arrow::schema(fields);
    for (const auto& field : fields) {
      builders.emplace_back();
      check_write(arrow::MakeBuilder(arrow::default_memory_pool(), field->type(), &builders.back()));
    }
    const auto properties = parquet::WriterProperties::Builder().build();
    // The schema as Arrow sees it goes along: it carries the marks.
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    auto made = parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), stream, properties,
                                                 arrow_properties);
    check_write(made.status());
    writer = std::move(made).ValueUnsafe();
  }

  void flush() {
    if (rows == 0) return;
    arrow::ArrayVector arrays;
    for (auto& builder : builders) {
      arrays.emplace_back();
      check_write(builder->Finish(&arrays.back()));
    }
    check_write(writer->WriteTable(*arrow::Table::Make(schema, arrays, rows), kRowsPerGroup));
    rows = 0;
  }
};

bool has_parquet() { return true; }

ParquetWriter::ParquetWriter(const std::filesystem::path& file) : state_(std::make_unique<State>()) {
  auto stream = arrow::io::FileOutputStream::Open(file.string());
  check_write(stream.status());
  state_->stream = std::move(stream).ValueUnsafe();
}

ParquetWriter::~ParquetWriter() = default;

void ParquetWriter::add(const Json& fact) {
  if (!state_->writer) state_->begin(fact);
  for (std::size_t i = 0; i < state_->keys.size(); ++i) {
    const auto found = fact.find(state_->keys[i]);
    if (found == fact.end() || found->is_null()) {
      check_write(state_->builders[i]->AppendNull());
    } else {
      append(type_of(state_->keys[i]), *found, *state_->builders[i]);
    }
  }
  if (++state_->rows == kRowsPerGroup) state_->flush();
}

void ParquetWriter::close() {
  if (!state_->writer) state_->begin(Json{{"kind", ""}});
  state_->flush();
  check_write(state_->writer->Close());
  check_write(state_->stream->Close());
}

void read_parquet(const std::filesystem::path& file,
                  const std::function<void(std::int64_t number, const Json& fact)>& on_fact) {
  auto stream = arrow::io::ReadableFile::Open(file.string());
  check_read(file, stream.status());
  try {
    auto opened = parquet::arrow::OpenFile(std::move(stream).ValueUnsafe(), arrow::default_memory_pool());
    check_read(file, opened.status());
    const auto reader = std::move(opened).ValueUnsafe();
    auto made = reader->GetRecordBatchReader();
    check_read(file, made.status());
    const std::shared_ptr<arrow::RecordBatchReader> batches = std::move(made).ValueUnsafe();
    std::int64_t number = 0;
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      check_read(file, batches->ReadNext(&batch));
      if (!batch) return;
      std::vector<bool> is_json;
      for (const auto& field : batch->schema()->fields())
        is_json.push_back(field->metadata() && field->metadata()->Contains(kMark));
      for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
        auto fact = Json::object();
        for (int column = 0; column < batch->num_columns(); ++column) {
          const auto& array = *batch->column(column);
          if (array.IsNull(row)) continue;
          fact[batch->column_name(column)] = value_at(array, row, is_json[static_cast<std::size_t>(column)]);
        }
        on_fact(++number, fact);
      }
    }
  } catch (const parquet::ParquetException& error) {
    throw base::UserError("{} could not be read as Parquet: {}.", file.string(), error.what());
  }
}

}  // namespace drover::ledger

#else

namespace drover::ledger {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file) {
  throw base::UserError(
      "{} would be a Parquet file, and this drover was built without Arrow; name a .jsonl file, or build with "
      "-DDROVER_ARROW=FOLDER (the folder of the pyarrow wheel, or nothing where Arrow's C++ package is installed).",
      file.string());
}

}  // namespace

struct ParquetWriter::State {};

bool has_parquet() { return false; }
ParquetWriter::ParquetWriter(const std::filesystem::path& file) { refuse(file); }
ParquetWriter::~ParquetWriter() = default;
void ParquetWriter::add(const chat::Json&) {}
void ParquetWriter::close() {}
void read_parquet(const std::filesystem::path& file,
                  const std::function<void(std::int64_t number, const chat::Json& fact)>&) {
  refuse(file);
}

}  // namespace drover::ledger

#endif
