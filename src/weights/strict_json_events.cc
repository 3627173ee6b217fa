#include "weights/strict_json_events.h"

#include "base/error.h"
#include "base/shown_name.h"

namespace drover::weights {

void StrictJsonEvents::run(std::string_view text) { nlohmann::json::sax_parse(text.begin(), text.end(), this); }

bool StrictJsonEvents::parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception&) {
  throw base::UserError("{} is not valid JSON at byte {}, near {}. Is the file complete?", where_, position,
                        base::shown_name(last_token));
}

void StrictJsonEvents::refuse(std::string_view found) const {
  throw base::UserError("{}: {} is {}, which does not belong there.", where_, place(), found);
}

}  // namespace drover::weights
