#include "score/label_table.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"

namespace scissionlite {
namespace {

constexpr uint64_t kLargestTable = uint64_t{64} << 20;

// How the columns of headers are called, in small letters, without blanks, - and _.
constexpr std::array<std::string_view, 14> kFileWords{"file",      "filename",  "filepath",  "files", "name", "image", "images",
                                                      "imagename", "imagepath", "imagefile", "img",   "path", "photo", "picture"};
constexpr std::array<std::string_view, 8> kLabelWords{"label", "labels", "class", "classes", "classname", "labelname", "category", "target"};

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first, last - first + 1);
}

/// The first one of `cells` that is such a word.
template <size_t n>
std::optional<size_t> column_of(const std::vector<std::string>& cells, const std::array<std::string_view, n>& words) {
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string plain;
    for (const char c : cells[i])
      if (c != ' ' && c != '_' && c != '-') plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    if (std::find(words.begin(), words.end(), plain) != words.end()) return i;
  }
  return std::nullopt;
}

/// One record after the other; a quoted field makes one of several lines.
class Records {
 public:
  Records(std::string_view text, const fs::path& path) : text_(text), path_(path) {
    if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff"))
      throw InvalidArgument("[labels] '" + path.string() + "' is in UTF-16; save it in UTF-8");
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
    const auto line = first_line();
    const bool has_tab = line.find('\t') != std::string_view::npos, has_comma = line.find(',') != std::string_view::npos;
    separator_ = has_comma && (!has_tab || path.extension() == ".csv" || path.extension() == ".CSV") ? ',' : '\t';
  }

  /// false: there is none left.
  bool next(std::vector<std::string>& cells) {
    skip();
    if (at_ == text_.size()) return false;
    began_ = line_;
    cells.clear();
    do cells.push_back(field());
    while (takes(separator_));
    end_line();
    return true;
  }
  [[nodiscard]] int64_t line() const { return began_; }
  [[nodiscard]] bool has_commas() const { return separator_ == ','; }
  [[nodiscard]] std::string where() const { return "[labels] " + path_.string() + ":" + std::to_string(began_); }

 private:
  [[nodiscard]] bool takes(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] size_t end_of_line() const { return std::min(text_.find('\n', at_), text_.size()); }
  void end_line() {
    if (takes('\n')) ++line_;
  }
  /// Lines that say nothing.
  void skip() {
    while (at_ < text_.size()) {
      const auto rest = text_.substr(at_);
      if (rest[0] == '#') at_ = end_of_line();
      else if (rest.starts_with("\r\n")) ++at_;
      else if (rest[0] != '\n') return;
      end_line();
    }
  }
  /// Of those that say something.
  [[nodiscard]] std::string_view first_line() {
    skip();
    return text_.substr(at_, end_of_line() - at_);
  }

  std::string field() {
    if (has_commas() && takes('"')) return quoted();
    const auto end = std::min(text_.find(separator_, at_), end_of_line());
    auto out = text_.substr(at_, end - at_);
    at_ = end;
    if (at_ == end_of_line() && out.ends_with('\r')) out.remove_suffix(1);
    return std::string(out);
  }
  std::string quoted() {
    std::string out;
    for (;;) {
      if (at_ == text_.size())
        throw InvalidArgument(where() + ": a quote begins and does not end; expected \" at the end of the field, and \"\" for a quote inside");
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"') out.push_back(c);
      else if (takes('"')) out.push_back('"');
      else break;
    }
    if (text_.substr(at_).starts_with("\r\n")) ++at_;
    if (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n')
      throw InvalidArgument(where() + ": '" + std::string(text_.substr(at_, std::min<size_t>(20, end_of_line() - at_))) +
                            "' behind a quoted field; expected a comma or the end of the line, and \"\" for a quote inside");
    return out;
  }

  std::string_view text_;
  fs::path path_;
  char separator_ = '\t';
  size_t at_ = 0;
  int64_t line_ = 1, began_ = 1;
};

/// Where file names and labels stand.
struct Columns {
  size_t file = 0, label = 1;
  bool is_header = false;

  /// By the first record: a header names a file in its first column, or a file and a label in any.
  static Columns of(const std::vector<std::string>& cells) {
    const auto file = column_of(cells, kFileWords), label = column_of(cells, kLabelWords);
    if (cells.size() < 2 || !file || (!label && *file != 0) || file == label) return {};
    return {*file, label.value_or(1), true};
  }
};

}  // namespace

std::vector<LabelRow> label_rows(std::string_view text, const fs::path& path) {
  Records records(text, path);
  std::vector<LabelRow> out;
  std::vector<std::string> cells;
  Columns columns;
  for (bool is_first = true; records.next(cells); is_first = false) {
    if (is_first) columns = Columns::of(cells);
    if (is_first && columns.is_header) continue;
    if (cells.size() <= std::max(columns.file, columns.label)) {
      std::string line;
      for (const auto& cell : cells) line += (line.empty() ? "" : records.has_commas() ? "," : "\t") + cell;
      throw InvalidArgument(records.where() + ": got '" + line + "', expected " +
                            (columns.is_header ? "as many columns as the header says: a label in column " + std::to_string(columns.label + 1) +
                                                     ", a file name in column " + std::to_string(columns.file + 1)
                                               : std::string("a file name, a ") +
                                                     (records.has_commas() ? "comma and a label" : "tab and a label (or commas in all lines)")));
    }
    const auto label = without_blanks(cells[columns.label]);
    if (cells[columns.file].empty()) throw InvalidArgument(records.where() + ": there is no file name beside the label '" + std::string(label) + "'");
    if (label.empty())
      throw InvalidArgument(records.where() + ": the label of '" + cells[columns.file] +
                            "' is empty; expected a class, or no line for a file whose class is not known");
    out.push_back({cells[columns.file], std::string(label), records.line()});
  }
  return out;
}

std::vector<LabelRow> read_label_table(const fs::path& path) { return label_rows(read_file(path, kLargestTable), path); }

}  // namespace scissionlite
