// Whole spaces as measured, and searches replayed on them: how many measurements a method needs, without measuring again.
#pragma once

#include "tune/tune.h"

namespace scissionlite::tune {

/// One problem's space.
struct TableLayer {
  TuningKey key;
  std::vector<Dimension> dimensions;
  std::vector<double> us;  // by Space::index; 0 where a configuration is invalid, failed or was not measured: searches do not get it
};
struct Table {
  std::vector<TableLayer> layers;
};

/// "scissionlite.tuning_table/2". @throws InvalidArgument naming the field.
[[nodiscard]] Table table_from_json(const Json& json, const std::string& where);
[[nodiscard]] Json to_json(const Table& table);

/// Adds to the log until every configuration of the problem has been measured `passes` times, each pass in another order: a busy moment of
/// the machine spoils one time of each of a few. `told` after each measurement.
void measure_space(const kernels::ConvProblem& problem, const MeasureOptions& options, int passes, MeasurementLog& log,
                   const std::function<void()>& told = {});

/// What the log holds of the problem's space on this machine: the least of each configuration's times, since other work on the
/// machine only adds to them.
[[nodiscard]] TableLayer table_layer(const kernels::ConvProblem& problem, const MeasureOptions& options, const MeasurementLog& log);

/// Measurements until one has `share` of the best known speed.
[[nodiscard]] int64_t measurements_needed(const TableLayer& layer, const std::string& method, uint64_t seed, double share);

}  // namespace scissionlite::tune
