#pragma once
// The request format of EC2 and STS: a form of flat names (botocore's "query" and "ec2" protocols).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "publish/aws/client.hpp"

namespace compose::aws {

// Action=…&Version=…&NAME=VALUE…
class QueryForm {
 public:
  QueryForm(Service service, const std::string& operation, const std::string& version);

  QueryForm& add(const std::string& name, const std::string& value);
  QueryForm& add(const std::string& name, std::uint64_t value);
  QueryForm& add_flag(const std::string& name, bool value);
  // Nothing where the value is empty.
  QueryForm& add_if(const std::string& name, const std::string& value);
  // PREFIX.1, PREFIX.2, …
  QueryForm& add_list(const std::string& prefix, const std::vector<std::string>& values);
  // PREFIX.1.Key, PREFIX.1.Value, …
  QueryForm& add_tags(const std::string& prefix, const Tags& tags);
  // Filter.1.Name=tag:KEY, Filter.1.Value.1=VALUE, …
  QueryForm& add_tag_filters(const Tags& tags);

  // Posts it; the answer's body. `is_fresh`: see Call.
  std::string post(Client& client, bool is_fresh = false) const;
  const std::string& operation() const noexcept { return operation_; }

 private:
  Service service_;
  std::string operation_;
  std::string text_;
};

}  // namespace compose::aws
