#include "score/labels.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/counted.h"
#include "base/text.h"
#include "score/label_table.h"

namespace scissionlite {
namespace {

class ClassIndex {
 public:
  ClassIndex(const vision::InputSpec& input, int64_t outputs) : input_(input), outputs_(outputs) {}

  [[nodiscard]] int64_t of(const std::string& label, const std::string& where) const {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (error == std::errc() && end == label.data() + label.size()) {
      if (number < 0) throw InvalidArgument("[labels] " + where + ": class " + label + " is negative; labels are 0 or more");
      return checked(number + input_.label_offset, label, where);
    }
    for (int64_t i = 0; i < outputs_; ++i)
      if (vision::label_of(input_, static_cast<size_t>(i), static_cast<size_t>(outputs_)) == label) return i;
    throw InvalidArgument("[labels] " + where + ": unknown label '" + label + "'" + did_you_mean(label, input_.labels) +
                          "; expected a class number or one of the labels in input.json");
  }

 private:
  [[nodiscard]] int64_t checked(int64_t index, const std::string& label, const std::string& where) const {
    if (index >= outputs_)
      throw InvalidArgument("[labels] " + where + ": class " + label + " is beyond the " + std::to_string(outputs_) + " outputs of the model");
    return index;
  }
  const vision::InputSpec& input_;
  int64_t outputs_;
};

/// Classes by the file that a line names. Folders in a name count where the image lies in such folders too, so that
/// a/1.png and b/1.png may have different labels; a name that stands once is found wherever the image lies.
class LabelTable {
 public:
  void add(const fs::path& file, int64_t label, const std::string& where) {
    const auto [path, is_new_path] = by_path_.emplace(file.lexically_normal().generic_string(), label);
    if (!is_new_path && path->second != label)
      throw InvalidArgument("[labels] " + where + ": '" + file.string() + "' has another label than in a line before; expected one label a file");
    const auto [it, is_new] = by_name_.emplace(file.filename().string(), label);
    if (!is_new && it->second != label) it->second = kSeveral;
  }
  /// -1: not named.
  [[nodiscard]] int64_t of(const fs::path& image, const std::string& where) const {
    const auto parts = fs::absolute(image).lexically_normal();
    fs::path rest = parts.relative_path();
    if (const auto it = by_path_.find(parts.generic_string()); it != by_path_.end()) return it->second;
    for (; !rest.empty(); rest = without_first(rest))
      if (const auto it = by_path_.find(rest.generic_string()); it != by_path_.end()) return it->second;
    const auto it = by_name_.find(image.filename().string());
    if (it == by_name_.end()) return -1;
    if (it->second == kSeveral)
      throw InvalidArgument("[labels] " + where + " names '" + image.filename().string() + "' in several folders with different labels, and '" +
                            image.string() + "' lies in none of them; keep the folders as the table names them");
    return it->second;
  }

 private:
  static constexpr int64_t kSeveral = -2;
  static fs::path without_first(const fs::path& path) {
    fs::path out;
    for (auto part = std::next(path.begin()); part != path.end(); ++part) out /= *part;
    return out;
  }
  std::map<std::string, int64_t> by_path_, by_name_;
};

LabelTable read_table(const fs::path& path, const ClassOf& class_of) {
  LabelTable out;
  for (const auto& row : read_label_table(path)) {
    const std::string where = path.string() + ":" + std::to_string(row.line);
    out.add(row.file, class_of(row.label, where), where);
  }
  return out;
}

}  // namespace

std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const vision::InputSpec& input, int64_t outputs) {
  const ClassIndex classes(input, outputs);
  return load_labels(source, images, [&](const std::string& label, const std::string& where) { return classes.of(label, where); });
}

std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const ClassOf& class_of) {
  std::vector<int64_t> out;
  if (source == "folders") {
    for (const auto& image : images) {
      const auto folder = fs::absolute(image).parent_path().filename().string();
      out.push_back(class_of(folder, image.string()));
    }
    return out;
  }
  const auto table = read_table(source, class_of);
  for (const auto& image : images) out.push_back(table.of(image, source));
  if (std::all_of(out.begin(), out.end(), [](int64_t label) { return label < 0; }))
    throw InvalidArgument("[labels] none of " + counted(static_cast<int64_t>(images.size()), "image") + " is named in '" + source +
                          "'; its first column has to hold file names as '" + (images.empty() ? "photo.jpg" : images[0].filename().string()) + "'");
  return out;
}

}  // namespace scissionlite
