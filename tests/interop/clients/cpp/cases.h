// The interop cases on gRPC C++.
#ifndef BLRCS_INTEROP_CASES_H_
#define BLRCS_INTEROP_CASES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "testservice.grpc.pb.h"

// What a case is done with. `open` makes a channel with a connection of its own.
struct Target {
  std::function<std::shared_ptr<grpc::Channel>()> open;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::testing::TestService::Stub> stub;
};

// A case throws std::runtime_error where it fails.
using Case = std::function<void(Target&)>;

void ClientCompressedUnary(Target& target);
void ServerCompressedUnary(Target& target);
void ClientCompressedStreaming(Target& target);
void ServerCompressedStreaming(Target& target);

// All cases by their names.
const std::map<std::string, Case>& Cases();

#endif
