#include "publish/access.hpp"

#include "publish/aws/sts.hpp"

namespace compose::publish {
namespace {

std::string partition_name(const std::string& region) { return std::string(aws::partition_of(region).name); }

}  // namespace

Access::Access(AccessSettings settings, const aws::Cancel& cancel)
    : settings_(std::move(settings)),
      cancel_(cancel),
      environment_(aws::process_environment()),
      endpoints_(environment_, settings_.endpoint_url),
      transport_(aws::make_curl_transport(aws::transport_options(environment_))) {}

aws::CredentialProvider& Access::credentials(const std::string& region) {
  const std::string partition = partition_name(region);
  auto& provider = credentials_[partition];
  if (!provider) {
    aws::CredentialSources sources;
    sources.environment = environment_;
    sources.home = aws::find_variable(environment_, "HOME").value_or("");
    const auto configured = settings_.profiles.find(partition);
    sources.profile = !settings_.profile.empty()               ? settings_.profile
                      : configured != settings_.profiles.end() ? configured->second
                                                               : "";
    sources.region = region;
    sources.endpoints = &endpoints_;
    sources.transport = transport_.get();
    sources.timing = aws::real_timing();
    sources.cancel = &cancel_;
    sources.run_program = [](const auto& arguments, const auto& options) { return run(arguments, options); };
    provider = aws::make_credential_chain(sources);
  }
  return *provider;
}

aws::Client& Access::client(const std::string& region) {
  auto& client = clients_[region];
  if (!client) {
    aws::ClientSettings settings;
    settings.region = region;
    settings.endpoints = &endpoints_;
    settings.transport = transport_.get();
    settings.credentials = &credentials(region);
    settings.cancel = &cancel_;
    client = std::make_unique<aws::Client>(std::move(settings));
  }
  return *client;
}

const std::string& Access::account(const std::string& region) {
  auto& account = accounts_[partition_name(region)];
  if (account.empty()) account = aws::caller_identity(client(region)).account;
  return account;
}

}  // namespace compose::publish
