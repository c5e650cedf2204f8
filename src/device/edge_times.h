// What the edge says that it spent on an image.
#pragma once

#include "device/answer.h"
#include "protocol/client.h"

namespace scissionlite::device {

/// Sets the edge's and the cloud's parts. What is no time, or longer than the call that it was a part of, is not believed and counts as 0.
/// @param call_us  how long the call took. @return all of them together, at most that.
double take_edge_times(const protocol::Parameters& parameters, double call_us, Parts& parts);

}  // namespace scissionlite::device
