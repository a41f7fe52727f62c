#pragma once
// Parameters: AWS Systems Manager, API version 2014-11-06 (docs.aws.amazon.com/systems-manager/latest/APIReference).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "publish/aws/client.hpp"

namespace compose::aws {

struct Parameter {
  std::string name;
  std::string value;
  std::string type;       // "String", …
  std::string data_type;  // "text", "aws:ec2:image"
  std::uint64_t version = 0;
};

struct PutParameter {
  std::string name;
  std::string value;
  std::string description;
  bool is_image = false;                    // data type aws:ec2:image: the service checks that the image exists
  bool overwrite = false;                   // without it an existing name is refused: ParameterAlreadyExists
  std::map<std::string, std::string> tags;  // sent only without overwrite, as the service wants it
};

// All throw what Client::call() throws, and Error(failed) for an answer that is not what the service promises. For any
// number of threads at once.
class Ssm {
 public:
  // `client` must outlive this.
  explicit Ssm(Client& client) : client_(client) {}

  std::optional<Parameter> get_parameter(const std::string& name);
  // Those that exist, by name. Asks for ten at a time, the service's limit.
  std::map<std::string, Parameter> get_parameters(const std::vector<std::string>& names);
  // The new version. With is_image the value appears only after the service has checked it: seconds later; read it
  // back.
  std::uint64_t put_parameter(const PutParameter& request);
  // Whether there was one.
  bool delete_parameter(const std::string& name);
  // The names of those that there were. Asks for ten at a time.
  std::vector<std::string> delete_parameters(const std::vector<std::string>& names);

 private:
  Client& client_;
};

}  // namespace compose::aws
