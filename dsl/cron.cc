#include "dsl/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/names.h"

namespace weft::dsl {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kExample = "write it like `0 6 * * 1-5`: on weekdays at six";

tl::unexpected<QuantityError> refuse(std::string message, std::string instead) {
  return tl::make_unexpected(QuantityError{std::move(message), std::move(instead)});
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t to = text.find(at);
    parts.push_back(text.substr(0, to));
    if (to == std::string_view::npos) return parts;
    text.remove_prefix(to + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t from = text.find_first_not_of(kBlanks, i);
    if (from == std::string_view::npos) break;
    i = std::min(text.find_first_of(kBlanks, from), text.size());
    out.push_back(text.substr(from, i - from));
  }
  return out;
}

struct Field {
  std::string_view name;
  int first, last;
  std::vector<std::string_view> names;  ///< For `first`, `first` + 1, ...
};

const std::array<Field, 5>& fields() {
  static const std::array<Field, 5> kFields{
      {{"minute", 0, 59, {}},
       {"hour", 0, 23, {}},
       {"day", 1, 31, {}},
       {"month",
        1,
        12,
        {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
       {"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}}};
  return kFields;
}

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> number(std::string_view text, const Field& field) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto named = std::find(field.names.begin(), field.names.end(), lowered);
  if (named != field.names.end()) {
    return field.first + static_cast<int>(named - field.names.begin());
  }
  const auto value = whole_number(text);
  if (!value || *value < field.first || *value > field.last) return std::nullopt;
  return value;
}

struct Span {
  int from = 0, to = 0, step = 1;
};

/// One item of a field's list: * or N or N-M, with /STEP.
std::optional<Span> span_of(std::string_view item, const Field& field) {
  Span out{field.first, field.last, 1};
  const auto stepped = split(item, '/');
  if (stepped.size() > 2) return std::nullopt;
  if (stepped.size() == 2) {
    const auto step = whole_number(stepped[1]);
    if (!step || *step < 1) return std::nullopt;
    out.step = *step;
  }
  if (stepped[0] == "*") return out;
  const auto range = split(stepped[0], '-');
  const auto low = number(range[0], field);
  const auto high = range.size() == 2 ? number(range[1], field) : low;
  if (range.size() > 2 || !low || !high || *low > *high) return std::nullopt;
  // N/STEP means from N on, as cron has it.
  const bool to_the_end = stepped.size() == 2 && range.size() == 1;
  return Span{*low, to_the_end ? field.last : *high, out.step};
}

/// Sets the numbers that one field names.
template <std::size_t kSize>
tl::expected<void, QuantityError> read(std::string_view text, const Field& field,
                                       std::bitset<kSize>& out) {
  for (const std::string_view item : split(text, ',')) {
    const auto span = span_of(item, field);
    if (!span) {
      return refuse("the " + std::string(field.name) + " cannot be " + quoted(item),
                    "write `*`, or numbers and ranges from " + std::to_string(field.first) +
                        " to " + std::to_string(field.last) + ", like `" +
                        std::to_string(field.first) + "," + std::to_string(field.first + 2) + "-" +
                        std::to_string(field.first + 4) + "` or `*/2`");
    }
    for (int value = span->from; value <= span->to; value += span->step) {
      out.set(static_cast<std::size_t>(value) % kSize);
      if (span->step > span->to - value) break;
    }
  }
  return {};
}

/// Whether there is such a day in a leap year.
bool ever(const CronFields& cron) {
  static constexpr std::array<unsigned, 13> kDays{0,  31, 29, 31, 30, 31, 30,
                                                  31, 31, 30, 31, 30, 31};
  for (unsigned month = 1; month <= 12; ++month) {
    for (unsigned day = 1; day <= kDays[month]; ++day) {
      for (unsigned weekday = 0; weekday < 7; ++weekday) {
        if (cron.on(month, day, weekday)) return true;
      }
    }
  }
  return false;
}

}  // namespace

bool has_cron_form(std::string_view text) { return words(text).size() == fields().size(); }

tl::expected<CronFields, QuantityError> parse_cron(std::string_view text) {
  const auto given = words(text);
  if (given.size() != fields().size()) {
    std::string instead(kExample);
    if (given.size() == 6) instead = "leave out the seconds: a schedule runs at whole minutes";
    if (given.size() == 1 && given[0].starts_with('@')) {
      instead = "write the five fields out, like `0 0 * * *` for every day at midnight";
    }
    return refuse("it must have five fields: minute hour day month weekday; " + quoted(text) +
                      " has " + std::to_string(given.size()),
                  std::move(instead));
  }
  CronFields out;
  const auto& all = fields();
  const auto done = read(given[0], all[0], out.minutes)
                        .and_then([&] { return read(given[1], all[1], out.hours); })
                        .and_then([&] { return read(given[2], all[2], out.days); })
                        .and_then([&] { return read(given[3], all[3], out.months); })
                        .and_then([&] { return read(given[4], all[4], out.weekdays); });
  if (!done) return tl::make_unexpected(done.error());
  out.any_day = given[2].starts_with('*');
  out.any_weekday = given[4].starts_with('*');
  if (!ever(out)) {
    return refuse("no month it names has such a day, so it would never run",
                  "choose a day that the month has");
  }
  return out;
}

}  // namespace weft::dsl
