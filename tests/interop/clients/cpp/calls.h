// What the cases have in common: calls with a deadline, and checks that throw.
#ifndef BLRCS_INTEROP_CALLS_H_
#define BLRCS_INTEROP_CALLS_H_

#include <chrono>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include <grpcpp/grpcpp.h>

#include "testservice.grpc.pb.h"

constexpr auto kTimeout = std::chrono::minutes(1);
constexpr int kRequestSizes[] = {27182, 8, 1828, 45904};
constexpr int kLargeRequestSize = 271828;
constexpr int kLargeReplySize = 314159;

template <typename... Parts>
inline void Check(bool holds, const Parts&... parts) {
  if (holds) return;
  std::ostringstream text;
  (text << ... << parts);
  throw std::runtime_error(text.str());
}

inline void CheckStatus(const grpc::Status& status, grpc::StatusCode code,
                        const std::string& message = "") {
  Check(status.error_code() == code, "status ", status.error_code(), " in the place of ", code,
        ": ", status.error_message());
  Check(message.empty() || status.error_message() == message, "message ", status.error_message());
}

inline void CheckPayload(const grpc::testing::Payload& payload, int size) {
  Check(payload.body() == std::string(size, '\0'), payload.body().size(), " bytes, or not zeros, ",
        "in the place of ", size);
}

inline std::unique_ptr<grpc::ClientContext> NewContext(
    std::chrono::milliseconds timeout = kTimeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  return context;
}

inline grpc::testing::SimpleRequest LargeRequest() {
  grpc::testing::SimpleRequest request;
  request.set_response_size(kLargeReplySize);
  request.mutable_payload()->mutable_body()->assign(kLargeRequestSize, '\0');
  return request;
}

inline void LargeUnary(grpc::testing::TestService::Stub& stub,
                       const grpc::testing::SimpleRequest& request = LargeRequest(),
                       grpc_compression_algorithm algorithm = GRPC_COMPRESS_NONE) {
  auto context = NewContext();
  context->set_compression_algorithm(algorithm);
  grpc::testing::SimpleResponse reply;
  CheckStatus(stub.UnaryCall(context.get(), request, &reply), grpc::StatusCode::OK);
  CheckPayload(reply.payload(), kLargeReplySize);
}

#endif
