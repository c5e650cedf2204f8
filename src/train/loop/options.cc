#include "train/loop/options.h"

namespace scissionlite::train {

Json to_json(const EpochRecord& record) {
  return Json{{"epoch", record.epoch}, {"loss", record.loss},       {"learning_rate", record.rate},
              {"score", record.score}, {"metrics", record.metrics}, {"seconds", record.seconds}};
}

EpochRecord epoch_from_json(const JsonReader& json) {
  return {json.at("epoch").integer(), json.at("loss").number(), json.at("learning_rate").number(),
          json.at("score").number(),  json.at("metrics").raw(), json.at("seconds").number()};
}

}  // namespace scissionlite::train
