// SPDX-License-Identifier: MIT OR Apache-2.0
// What the process can tell about itself.
#pragma once

#include <cstddef>

namespace bench {

// Peak resident bytes since exec. Not ru_maxrss: that one starts from the size of the process that
// forked us, and a Python runner is larger than many a row.
[[nodiscard]] std::size_t peak_resident_bytes() noexcept;

// Resident bytes now, counted page by page by the kernel (its cheaper counters lag behind).
[[nodiscard]] std::size_t resident_bytes() noexcept;

// True while no second thread has ever been created: allocators may skip their atomics.
[[nodiscard]] bool never_had_a_second_thread() noexcept;

// The file that the malloc of this process comes from.
[[nodiscard]] const char* file_that_provides_malloc() noexcept;

}  // namespace bench
