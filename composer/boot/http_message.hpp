#pragma once
// HTTP messages as plain values, for the boot test's services.

#include <map>
#include <string>

namespace compose::boot {

struct HttpRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case; of several with one name the last
  std::string body;

  std::string header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string() : found->second;
  }
};

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain";
  std::string body;
  std::map<std::string, std::string> headers = {};
};

}  // namespace compose::boot
