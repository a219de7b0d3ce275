#pragma once

namespace tonus::cli {

// The descriptors that a probe is started with.
inline constexpr int kResult = 3;  ///< Where it writes its answer, JSON.
inline constexpr int kSpot = 4;    ///< Shared memory, a Spot.

}  // namespace tonus::cli
