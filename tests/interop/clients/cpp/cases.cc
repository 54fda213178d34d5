#include "cases.h"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "calls.h"

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using namespace grpc::testing;

namespace {

constexpr int kReplySizes[] = {31415, 9, 2653, 58979};
constexpr int kConcurrentCalls = 1000;
constexpr int kSoakCalls = 100;
constexpr int kSoakChannels = 20;
constexpr char kInitial[] = "x-grpc-test-echo-initial";
constexpr char kInitialValue[] = "test_initial_metadata_value";
constexpr char kTrailing[] = "x-grpc-test-echo-trailing-bin";
constexpr char kTrailingValue[] = "\xab\xab\xab";
constexpr char kSpecialMessage[] =
    "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001F608\t\n";

StreamingOutputCallRequest OutputRequest(int reply_size, int request_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(reply_size);
  request.mutable_payload()->mutable_body()->assign(request_size, '\0');
  return request;
}

void EmptyUnary(Target& target) {
  auto context = NewContext();
  Empty reply;
  CheckStatus(target.stub->EmptyCall(context.get(), Empty(), &reply), StatusCode::OK);
}

void ClientStreaming(Target& target) {
  auto context = NewContext();
  StreamingInputCallResponse reply;
  auto writer = target.stub->StreamingInputCall(context.get(), &reply);
  int total = 0;
  for (int size : kRequestSizes) {
    StreamingInputCallRequest request;
    request.mutable_payload()->mutable_body()->assign(size, '\0');
    Check(writer->Write(request), "the stream broke");
    total += size;
  }
  writer->WritesDone();
  CheckStatus(writer->Finish(), StatusCode::OK);
  Check(reply.aggregated_payload_size() == total, reply.aggregated_payload_size(), " bytes");
}

void ServerStreaming(Target& target) {
  auto context = NewContext();
  StreamingOutputCallRequest request;
  for (int size : kReplySizes) request.add_response_parameters()->set_size(size);
  auto reader = target.stub->StreamingOutputCall(context.get(), request);
  StreamingOutputCallResponse reply;
  for (int size : kReplySizes) {
    Check(reader->Read(&reply), "too few replies");
    CheckPayload(reply.payload(), size);
  }
  Check(!reader->Read(&reply), "too many replies");
  CheckStatus(reader->Finish(), StatusCode::OK);
}

void PingPong(Target& target) {
  auto context = NewContext();
  auto stream = target.stub->FullDuplexCall(context.get());
  StreamingOutputCallResponse reply;
  for (std::size_t i = 0; i < std::size(kReplySizes); ++i) {
    Check(stream->Write(OutputRequest(kReplySizes[i], kRequestSizes[i])), "the stream broke");
    Check(stream->Read(&reply), "no reply");
    CheckPayload(reply.payload(), kReplySizes[i]);
  }
  stream->WritesDone();
  Check(!stream->Read(&reply), "too many replies");
  CheckStatus(stream->Finish(), StatusCode::OK);
}

void EmptyStream(Target& target) {
  auto context = NewContext();
  auto stream = target.stub->FullDuplexCall(context.get());
  stream->WritesDone();
  StreamingOutputCallResponse reply;
  Check(!stream->Read(&reply), "a reply");
  CheckStatus(stream->Finish(), StatusCode::OK);
}

void CheckEchoed(const ClientContext& context) {
  const auto& initial = context.GetServerInitialMetadata();
  const auto& trailing = context.GetServerTrailingMetadata();
  const auto first = initial.find(kInitial);
  Check(first != initial.end() && first->second == kInitialValue, "the initial metadata");
  const auto last = trailing.find(kTrailing);
  Check(last != trailing.end() && last->second == kTrailingValue, "the trailing metadata");
}

void CustomMetadata(Target& target) {
  auto context = NewContext();
  context->AddMetadata(kInitial, kInitialValue);
  context->AddMetadata(kTrailing, kTrailingValue);
  SimpleResponse reply;
  CheckStatus(target.stub->UnaryCall(context.get(), LargeRequest(), &reply), StatusCode::OK);
  CheckPayload(reply.payload(), kLargeReplySize);
  CheckEchoed(*context);

  context = NewContext();
  context->AddMetadata(kInitial, kInitialValue);
  context->AddMetadata(kTrailing, kTrailingValue);
  auto stream = target.stub->FullDuplexCall(context.get());
  Check(stream->Write(OutputRequest(kLargeReplySize, kLargeRequestSize)), "the stream broke");
  stream->WritesDone();
  StreamingOutputCallResponse streamed;
  Check(stream->Read(&streamed), "no reply");
  CheckPayload(streamed.payload(), kLargeReplySize);
  Check(!stream->Read(&streamed), "too many replies");
  CheckStatus(stream->Finish(), StatusCode::OK);
  CheckEchoed(*context);
}

void StatusCodeAndMessage(Target& target) {
  const std::string message = "test status message";
  SimpleRequest request;
  request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
  request.mutable_response_status()->set_message(message);
  SimpleResponse reply;
  auto context = NewContext();
  CheckStatus(target.stub->UnaryCall(context.get(), request, &reply), StatusCode::UNKNOWN,
              message);

  context = NewContext();
  auto stream = target.stub->FullDuplexCall(context.get());
  StreamingOutputCallRequest streamed;
  *streamed.mutable_response_status() = request.response_status();
  stream->Write(streamed);
  stream->WritesDone();
  StreamingOutputCallResponse none;
  Check(!stream->Read(&none), "a reply");
  CheckStatus(stream->Finish(), StatusCode::UNKNOWN, message);
}

void SpecialStatusMessage(Target& target) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
  request.mutable_response_status()->set_message(kSpecialMessage);
  SimpleResponse reply;
  auto context = NewContext();
  CheckStatus(target.stub->UnaryCall(context.get(), request, &reply), StatusCode::UNKNOWN,
              kSpecialMessage);
}

void UnimplementedMethod(Target& target) {
  auto context = NewContext();
  Empty reply;
  CheckStatus(target.stub->UnimplementedCall(context.get(), Empty(), &reply),
              StatusCode::UNIMPLEMENTED);
}

void UnimplementedServiceCase(Target& target) {
  auto stub = UnimplementedService::NewStub(target.channel);
  auto context = NewContext();
  Empty reply;
  CheckStatus(stub->UnimplementedCall(context.get(), Empty(), &reply), StatusCode::UNIMPLEMENTED);
}

void CancelAfterBegin(Target& target) {
  auto context = NewContext();
  StreamingInputCallResponse reply;
  auto writer = target.stub->StreamingInputCall(context.get(), &reply);
  context->TryCancel();
  CheckStatus(writer->Finish(), StatusCode::CANCELLED);
}

void CancelAfterFirstResponse(Target& target) {
  auto context = NewContext();
  auto stream = target.stub->FullDuplexCall(context.get());
  Check(stream->Write(OutputRequest(kReplySizes[0], kRequestSizes[0])), "the stream broke");
  StreamingOutputCallResponse reply;
  Check(stream->Read(&reply), "no reply");
  CheckPayload(reply.payload(), kReplySizes[0]);
  context->TryCancel();
  Check(!stream->Read(&reply), "too many replies");
  CheckStatus(stream->Finish(), StatusCode::CANCELLED);
}

void TimeoutOnSleepingServer(Target& target) {
  auto context = NewContext(std::chrono::milliseconds(1));
  auto stream = target.stub->FullDuplexCall(context.get());
  StreamingOutputCallRequest request;
  request.mutable_payload()->mutable_body()->assign(kRequestSizes[0], '\0');
  stream->Write(request);
  StreamingOutputCallResponse reply;
  Check(!stream->Read(&reply), "a reply");
  CheckStatus(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
}

void RpcSoak(Target& target) {
  for (int done = 0; done < kSoakCalls; ++done) LargeUnary(*target.stub);
}

void ChannelSoak(Target& target) {
  for (int done = 0; done < kSoakChannels; ++done) LargeUnary(*TestService::NewStub(target.open()));
}

void ThousandConcurrentLargeUnary(Target& target) {
  struct Call {
    std::unique_ptr<ClientContext> context = NewContext();
    SimpleResponse reply;
    Status status;
  };
  const SimpleRequest request = LargeRequest();
  std::vector<Call> calls(kConcurrentCalls);
  std::mutex mutex;
  std::condition_variable ended;
  int running = kConcurrentCalls;
  for (Call& call : calls) {
    target.stub->async()->UnaryCall(call.context.get(), &request, &call.reply, [&](Status status) {
      std::lock_guard<std::mutex> lock(mutex);
      call.status = std::move(status);
      if (--running == 0) ended.notify_one();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  ended.wait(lock, [&] { return running == 0; });
  for (const Call& call : calls) {
    CheckStatus(call.status, StatusCode::OK);
    CheckPayload(call.reply.payload(), kLargeReplySize);
  }
}

}  // namespace

const std::map<std::string, Case>& Cases() {
  static const std::map<std::string, Case> cases = {
      {"empty_unary", EmptyUnary},
      {"large_unary", [](Target& target) { LargeUnary(*target.stub); }},
      {"client_streaming", ClientStreaming},
      {"server_streaming", ServerStreaming},
      {"ping_pong", PingPong},
      {"empty_stream", EmptyStream},
      {"custom_metadata", CustomMetadata},
      {"status_code_and_message", StatusCodeAndMessage},
      {"special_status_message", SpecialStatusMessage},
      {"unimplemented_method", UnimplementedMethod},
      {"unimplemented_service", UnimplementedServiceCase},
      {"cancel_after_begin", CancelAfterBegin},
      {"cancel_after_first_response", CancelAfterFirstResponse},
      {"timeout_on_sleeping_server", TimeoutOnSleepingServer},
      {"rpc_soak", RpcSoak},
      {"channel_soak", ChannelSoak},
      {"thousand_concurrent_large_unary", ThousandConcurrentLargeUnary},
      {"client_compressed_unary", ClientCompressedUnary},
      {"server_compressed_unary", ServerCompressedUnary},
      {"client_compressed_streaming", ClientCompressedStreaming},
      {"server_compressed_streaming", ServerCompressedStreaming},
  };
  return cases;
}
