// The cases about compression. What crosses the wire is seen by the relay in between.

#include "calls.h"
#include "cases.h"

using grpc::StatusCode;
using grpc::WriteOptions;
using namespace grpc::testing;

namespace {

StreamingInputCallRequest InputRequest(int size, bool compressed) {
  StreamingInputCallRequest request;
  request.mutable_payload()->mutable_body()->assign(size, '\0');
  request.mutable_expect_compressed()->set_value(compressed);
  return request;
}

}  // namespace

void ClientCompressedUnary(Target& target) {
  SimpleRequest request = LargeRequest();
  request.mutable_expect_compressed()->set_value(true);
  SimpleResponse reply;
  auto context = NewContext();
  CheckStatus(target.stub->UnaryCall(context.get(), request, &reply),
              StatusCode::INVALID_ARGUMENT);
  LargeUnary(*target.stub, request, GRPC_COMPRESS_GZIP);
  request.mutable_expect_compressed()->set_value(false);
  LargeUnary(*target.stub, request);
}

void ServerCompressedUnary(Target& target) {
  for (bool compressed : {true, false}) {
    SimpleRequest request = LargeRequest();
    request.mutable_response_compressed()->set_value(compressed);
    LargeUnary(*target.stub, request);
  }
}

void ClientCompressedStreaming(Target& target) {
  StreamingInputCallResponse reply;
  auto context = NewContext();
  auto probe = target.stub->StreamingInputCall(context.get(), &reply);
  probe->Write(InputRequest(kRequestSizes[0], true));
  probe->WritesDone();
  CheckStatus(probe->Finish(), StatusCode::INVALID_ARGUMENT);

  context = NewContext();
  context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  auto writer = target.stub->StreamingInputCall(context.get(), &reply);
  Check(writer->Write(InputRequest(kRequestSizes[0], true)), "the stream broke");
  Check(writer->Write(InputRequest(kRequestSizes[3], false), WriteOptions().set_no_compression()),
        "the stream broke");
  writer->WritesDone();
  CheckStatus(writer->Finish(), StatusCode::OK);
  Check(reply.aggregated_payload_size() == kRequestSizes[0] + kRequestSizes[3],
        reply.aggregated_payload_size(), " bytes");
}

void ServerCompressedStreaming(Target& target) {
  constexpr int kSizes[] = {31415, 92653};
  StreamingOutputCallRequest request;
  for (int size : kSizes) {
    auto* parameters = request.add_response_parameters();
    parameters->set_size(size);
    parameters->mutable_compressed()->set_value(size == kSizes[0]);
  }
  auto context = NewContext();
  auto reader = target.stub->StreamingOutputCall(context.get(), request);
  StreamingOutputCallResponse reply;
  for (int size : kSizes) {
    Check(reader->Read(&reply), "too few replies");
    CheckPayload(reply.payload(), size);
  }
  Check(!reader->Read(&reply), "too many replies");
  CheckStatus(reader->Finish(), StatusCode::OK);
}
