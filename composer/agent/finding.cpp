#include "agent/finding.hpp"

#include <fmt/format.h>

namespace compose::agent {

std::string explain(const std::string& what, const std::vector<Finding>& findings) {
  std::string text = fmt::format("{}: {} problem{}", what, findings.size(), findings.size() == 1 ? "" : "s");
  for (const Finding& finding : findings)
    text += fmt::format("\n  [{}] {}: {}\n    fix: {}", finding.id, finding.path, finding.problem, finding.fix);
  return text;
}

}  // namespace compose::agent
