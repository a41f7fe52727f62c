#include "publish/aws/sts.hpp"

#include "publish/aws/answer.hpp"
#include "publish/aws/query_form.hpp"

namespace compose::aws {

Identity caller_identity(Client& client) {
  const QueryForm form(Service::sts, "GetCallerIdentity", "2011-06-15");
  const XmlElement answer(form.post(client), "GetCallerIdentityResponse", form.operation());
  const auto result = answer.child("GetCallerIdentityResult");
  if (!result) throw_bad_answer(form.operation(), "<GetCallerIdentityResult> is missing");
  return {result->required_text("Account"), result->required_text("Arn"), result->text("UserId")};
}

}  // namespace compose::aws
