#include "report/plot.h"

namespace scissionlite::report {

std::string line(double x1, double y1, double x2, double y2, const std::string& css) {
  return element("line", {{"x1", coordinate(x1)}, {"y1", coordinate(y1)}, {"x2", coordinate(x2)}, {"y2", coordinate(y2)}, {"class", css}});
}

std::string text(double x, double y, const std::string& words, const std::string& css, const std::string& anchor) {
  return element("text", {{"x", coordinate(x)}, {"y", coordinate(y)}, {"class", css}, {"text-anchor", anchor}}, escape(words));
}

std::string y_axis(const Frame& frame, const Scale& scale, int ticks, const Format& format, const std::string& name) {
  std::string out;
  for (const double tick : scale.ticks(ticks)) {
    const double y = scale(tick);
    out += line(frame.x0(), y, frame.x1(), y, "grid") + text(frame.x0() - 8, y + 4, format(tick), "tick", "end");
  }
  return out + text(0, frame.y1() - 14, name, "axis");
}

std::string x_axis(const Frame& frame, const Scale& scale, int ticks, const Format& format, const std::string& name) {
  std::string out = line(frame.x0(), frame.y0(), frame.x1(), frame.y0(), "base");
  for (const double tick : scale.ticks(ticks)) {
    const double x = scale(tick);
    out += line(x, frame.y0(), x, frame.y0() + 5, "base") + text(x, frame.y0() + 19, format(tick), "tick", "middle");
  }
  return out + text((frame.x0() + frame.x1()) / 2, frame.y0() + 42, name, "axis", "middle");
}

std::string svg(const Frame& frame, const std::string& id, const std::string& title, const std::string& description, const std::string& content) {
  const std::string box = "0 0 " + coordinate(frame.width) + " " + coordinate(frame.height);
  return element("svg", {{"id", id}, {"viewBox", box}, {"role", "img"}, {"aria-labelledby", id + "-title " + id + "-desc"}},
                 element("title", {{"id", id + "-title"}}, escape(title)) + element("desc", {{"id", id + "-desc"}}, escape(description)) + content);
}

}  // namespace scissionlite::report
