#include "prepare/names.h"

#include <cctype>

#include "graph/slice.h"

namespace scissionlite {
namespace {

void make_plain(Graph& graph, const std::string& name) {
  const auto wish = plain_name(name);
  if (wish != name) rename_value(graph, name, graph.fresh_name(wish));
}

}  // namespace

std::string plain_name(const std::string& name) {
  std::string out = name;
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') c = '_';
  return out.empty() ? "tensor" : out;
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
