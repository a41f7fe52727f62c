#pragma once
// The repository for hosts in an S3-compatible bucket: a copy of one in a folder of ours. Everything is made in the
// folder (repository.hpp); here the bucket is brought to the same state, and the folder to the bucket's where somebody
// published from elsewhere.
//
// A bucket has no links and no rename of two objects: summary.sig and summary are put one right after the other. A host
// that asks between them refuses what it got, and gets it when it tries again. So does a host after a publisher that
// was killed just there, until the next run.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "publish/aws/s3.hpp"
#include "publish/repository.hpp"
#include "publish/summary_files.hpp"

namespace compose::publish {

struct Upload {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

class BucketRepository {
 public:
  // `folder` is this machine's copy; both must outlive this. `prefix` of all keys, without '/' at either end; may be
  // empty.
  BucketRepository(aws::Bucket& bucket, const std::string& prefix, const fs::path& folder);

  // Where the bucket's summary is one that the folder does not know, the folder takes it over: refs, history, and all
  // commits that are kept: from `source`, which fetches from `url` what it lacks. Throws Error(mismatch) for a summary
  // or a commit that none of `signers` has signed: what is taken over gets signed again.
  void take_over(ostree::Repository& source, const std::string& url, const Signers& signers, Events& events);

  // Sends what the bucket lacks, in an order in which a host never misses anything; what is there stays. To be called
  // after take_over(). Throws Error(failed) when somebody else published to the bucket since.
  Upload upload(Events& events);

  // Deletes the objects and deltas that the folder does not have (any more). Throws Error(input) unless folder and
  // bucket have the same summary.
  Upload remove_unneeded(Events& events);

 private:
  std::string key_of(const std::string& path) const;
  SummaryFiles read_summary();
  std::map<std::string, std::uint64_t> list();
  void require_complete(ostree::Repository& copy, ostree::Repository& source, const std::string& url,
                        const std::string& commit, const Signers& signers, Events& events) const;
  bool is_there(const std::string& path, const std::map<std::string, std::uint64_t>& there);
  Upload send(const std::vector<std::string>& paths, const std::map<std::string, std::uint64_t>& there, Stage& stage);
  void send_summary();

  aws::Bucket& bucket_;
  std::string prefix_;
  const fs::path& folder_;
  SummaryFiles seen_;  // what the bucket had when it was last looked at
};

}  // namespace compose::publish
