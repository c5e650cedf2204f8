// Trying a version of a package before it is used: its files and halves, a picture through them, and the edge's word on each of its plans.
#pragma once

#include <exception>
#include <memory>
#include <vector>

#include "delivery/source.h"
#include "device/offloader.h"

namespace scissionlite::device {

/// The edge takes no part in a plan though it has the tail: it answers otherwise, or speaks another version. Another edge, or this one later, may.
struct RefusedByEdge : delivery::Unusable {
  using Unusable::Unusable;
};

/// An error that another try would meet again: it is the version's, or its plans'. All others (memory, descriptors, threads, a disk, the network) say
/// nothing of it.
[[nodiscard]] bool is_of_the_version(const std::exception& error);

/// What the files and halves of all plans say, and one picture from start to end on this device alone, which nobody is told of as of an image.
/// @throws InvalidArgument with all that is wrong; ResourceError and others: it could not be told now.
void check_on_device(const fs::path& folder, const OffloaderOptions& options);

/// The edge's word on the plans of a version that it takes part in. Those that it could not be asked about within `patience_us` are left to their
/// breakers, once it has answered for another: what carries one plan's question may be too slow for another's.
/// @throws RefusedByEdge: it refuses one; TransportError: it could not be asked about any, or has not got one of their tails yet.
void check_edge(const std::vector<std::unique_ptr<Offloader>>& plans, double patience_us = 10e6);

}  // namespace scissionlite::device
