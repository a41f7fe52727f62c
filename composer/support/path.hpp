#pragma once
// The project's path type.

#include <boost/filesystem/path.hpp>

namespace compose {
namespace fs = boost::filesystem;
}
