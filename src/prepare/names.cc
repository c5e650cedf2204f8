#include "prepare/names.h"

#include <algorithm>

#include "base/error.h"
#include "graph/slice.h"

namespace scissionlite {
namespace {

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'; }

void make_plain(Graph& graph, const std::string& name) {
  const auto wish = plain_name(name);
  if (wish != name) rename_value(graph, name, graph.fresh_name(wish));
}

}  // namespace

std::string plain_name(const std::string& name) {
  std::string out = name;
  for (char& c : out)
    if (!is_plain(c)) c = '_';
  return out.empty() ? "tensor" : out;
}

bool is_model_name(std::string_view name) {
  constexpr size_t kLongest = 255;
  return !name.empty() && name.size() <= kLongest && name[0] != '.' && std::all_of(name.begin(), name.end(), is_plain);
}

void check_model_name(const std::string& name) {
  if (!is_model_name(name))
    throw InvalidArgument("[prepare] '" + name +
                          "' cannot name a model; a model name has letters, digits, '.', '_' and '-' only, 1 to 255 of them, and does not start with "
                          "'.'; give another one (--name, --cloud-name)");
}

std::vector<std::string> use_plain_names(Graph& graph, bool inputs) {
  std::vector<std::string> before;
  for (const auto& info : graph.outputs) before.push_back(info.name);
  for (const auto& name : before) make_plain(graph, name);
  if (inputs)
    for (size_t i = 0; i < graph.inputs.size(); ++i) make_plain(graph, std::string(graph.inputs[i].name));
  return before;
}

}  // namespace scissionlite
