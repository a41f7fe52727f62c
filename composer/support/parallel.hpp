#pragma once
// Independent pieces of work, by several threads.

#include <cstddef>
#include <functional>

namespace compose {

// Calls `work` with 0 … count-1, each once and started in this order, from `threads` threads of which the caller's is
// one. Returns when all is done. Throws the first error, after which no more pieces are started.
void for_each_in_parallel(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& work);

}  // namespace compose
