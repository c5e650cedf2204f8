#include "score/labels.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.h"

namespace scissionlite {
namespace {

class ClassIndex {
 public:
  ClassIndex(const vision::InputSpec& input, int64_t outputs) : input_(input), outputs_(outputs) {}

  [[nodiscard]] int64_t of(const std::string& label, const std::string& where) const {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (error == std::errc() && end == label.data() + label.size()) return checked(number + input_.label_offset, label, where);
    for (int64_t i = 0; i < outputs_; ++i)
      if (vision::label_of(input_, static_cast<size_t>(i), static_cast<size_t>(outputs_)) == label) return i;
    throw InvalidArgument("[labels] " + where + ": unknown label '" + label + "'" + did_you_mean(label, input_.labels) +
                          "; expected a class number or one of the labels in input.json");
  }

 private:
  [[nodiscard]] int64_t checked(int64_t index, const std::string& label, const std::string& where) const {
    if (index < 0 || index >= outputs_)
      throw InvalidArgument("[labels] " + where + ": class " + label + " is beyond the " + std::to_string(outputs_) + " outputs of the model");
    return index;
  }
  const vision::InputSpec& input_;
  int64_t outputs_;
};

std::map<std::string, int64_t> read_table(const fs::path& path, const ClassIndex& classes) {
  std::map<std::string, int64_t> out;
  int64_t line_number = 0;
  for (auto line : split(read_file(path, uint64_t{64} << 20), '\n')) {
    ++line_number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const auto cells = split(line, '\t');
    const std::string where = path.string() + ":" + std::to_string(line_number);
    if (cells.size() < 2) throw InvalidArgument("[labels] " + where + ": got '" + line + "', expected a file name, a tab and a label");
    out[fs::path(cells[0]).filename().string()] = classes.of(cells[1], where);
  }
  return out;
}

}  // namespace

std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const vision::InputSpec& input, int64_t outputs) {
  const ClassIndex classes(input, outputs);
  std::vector<int64_t> out;
  if (source == "folders") {
    for (const auto& image : images) {
      const auto folder = fs::absolute(image).parent_path().filename().string();
      out.push_back(classes.of(folder, image.string()));
    }
    return out;
  }
  const auto table = read_table(source, classes);
  for (const auto& image : images) {
    const auto it = table.find(image.filename().string());
    out.push_back(it == table.end() ? -1 : it->second);
  }
  if (std::all_of(out.begin(), out.end(), [](int64_t label) { return label < 0; }))
    throw InvalidArgument("[labels] none of " + std::to_string(images.size()) + " images is named in '" + source + "'; its first column has to hold file names as '" +
                          (images.empty() ? "photo.jpg" : images[0].filename().string()) + "'");
  return out;
}

}  // namespace scissionlite
