#include "publish/aws/ssm.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "publish/aws/answer.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;

constexpr std::size_t names_at_once = 10;  // the service's limit

std::string post(Client& client, const char* operation, const json& request) {
  const std::string body = request.dump(-1, ' ', false, json::error_handler_t::replace);
  Call call;
  call.service = Service::ssm;
  call.operation = operation;
  call.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                  {"X-Amz-Target", std::string("AmazonSSM.") + operation}};
  call.body = {reinterpret_cast<const unsigned char*>(body.data()), body.size()};
  return client.call(call).body;
}

Parameter read_parameter(const JsonObject& object) {
  return {object.required_text("Name"), object.text("Value"), object.text("Type"), object.text("DataType"),
          object.required_number("Version")};
}

std::vector<std::vector<std::string>> in_batches(const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> batches;
  for (std::size_t start = 0; start < names.size(); start += names_at_once) {
    const auto end = std::min(names.size(), start + names_at_once);
    batches.emplace_back(names.begin() + static_cast<std::ptrdiff_t>(start),
                         names.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return batches;
}

}  // namespace

std::optional<Parameter> Ssm::get_parameter(const std::string& name) {
  try {
    const JsonObject answer(post(client_, "GetParameter", {{"Name", name}}), "GetParameter");
    const auto parameter = answer.object("Parameter");
    if (!parameter) throw_bad_answer("GetParameter", "'Parameter' is missing");
    return read_parameter(*parameter);
  } catch (const ServiceError& error) {
    if (error.code() != "ParameterNotFound") throw;
    return std::nullopt;
  }
}

std::map<std::string, Parameter> Ssm::get_parameters(const std::vector<std::string>& names) {
  std::map<std::string, Parameter> found;
  for (const auto& batch : in_batches(names)) {
    const JsonObject answer(post(client_, "GetParameters", {{"Names", batch}}), "GetParameters");
    for (const JsonObject& object : answer.objects("Parameters")) {
      Parameter parameter = read_parameter(object);
      std::string name = parameter.name;
      found.emplace(std::move(name), std::move(parameter));
    }
  }
  return found;
}

std::uint64_t Ssm::put_parameter(const PutParameter& request) {
  json body{{"Name", request.name}, {"Value", request.value}, {"Type", "String"}, {"Overwrite", request.overwrite}};
  if (!request.description.empty()) body["Description"] = request.description;
  if (request.is_image) body["DataType"] = "aws:ec2:image";
  if (!request.overwrite) {
    for (const auto& [key, value] : request.tags) body["Tags"].push_back({{"Key", key}, {"Value", value}});
  }
  return JsonObject(post(client_, "PutParameter", body), "PutParameter").required_number("Version");
}

bool Ssm::delete_parameter(const std::string& name) {
  try {
    post(client_, "DeleteParameter", {{"Name", name}});
    return true;
  } catch (const ServiceError& error) {
    if (error.code() != "ParameterNotFound") throw;
    return false;
  }
}

std::vector<std::string> Ssm::delete_parameters(const std::vector<std::string>& names) {
  std::vector<std::string> deleted;
  for (const auto& batch : in_batches(names)) {
    const JsonObject answer(post(client_, "DeleteParameters", {{"Names", batch}}), "DeleteParameters");
    const auto some = answer.texts("DeletedParameters");
    deleted.insert(deleted.end(), some.begin(), some.end());
  }
  return deleted;
}

}  // namespace compose::aws
