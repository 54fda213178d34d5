// The echo server of gRPC C++ with its callback API. Prints its port and serves until SIGTERM.

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "echo/v1/echo.grpc.pb.h"

namespace {

using echo::v1::CollectResponse;
using echo::v1::ExpandRequest;
using echo::v1::Message;
using grpc::CallbackServerContext;
using grpc::Status;

class Later final : public grpc::ServerUnaryReactor {
 public:
  Later() {
    alarm_.Set(gpr_now(GPR_CLOCK_MONOTONIC), [this](bool) { Finish(Status::OK); });
  }
  void OnDone() override { delete this; }

 private:
  grpc::Alarm alarm_;
};

class Expansion final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit Expansion(const ExpandRequest& request) : remaining_(request.count()) {
    message_.set_payload(request.payload());
    Next();
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (remaining_ == 0) {
      Finish(Status::OK);
      return;
    }
    --remaining_;
    StartWrite(&message_);
  }

  uint32_t remaining_;
  Message message_;
};

class Collection final : public grpc::ServerReadReactor<Message> {
 public:
  explicit Collection(CollectResponse* reply) : reply_(reply) { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(Status::OK);
      return;
    }
    reply_->set_messages(reply_->messages() + 1);
    reply_->set_payload_bytes(reply_->payload_bytes() + message_.payload().size());
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  CollectResponse* reply_;
  Message message_;
};

class Conversation final : public grpc::ServerBidiReactor<Message, Message> {
 public:
  Conversation() { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartWrite(&message_);
    } else {
      Finish(Status::OK);
    }
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&message_);
    } else {
      Finish(Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  Message message_;
};

class Service final : public echo::v1::EchoService::CallbackService {
  grpc::ServerUnaryReactor* Echo(CallbackServerContext* context, const Message* request,
                                 Message* reply) override {
    reply->set_payload(request->payload());
    auto* reactor = context->DefaultReactor();
    reactor->Finish(Status::OK);
    return reactor;
  }
  grpc::ServerUnaryReactor* EchoLater(CallbackServerContext*, const Message* request,
                                      Message* reply) override {
    reply->set_payload(request->payload());
    return new Later();
  }
  grpc::ServerWriteReactor<Message>* Expand(CallbackServerContext*,
                                            const ExpandRequest* request) override {
    return new Expansion(*request);
  }
  grpc::ServerReadReactor<Message>* Collect(CallbackServerContext*,
                                            CollectResponse* reply) override {
    return new Collection(reply);
  }
  grpc::ServerBidiReactor<Message, Message>* Converse(CallbackServerContext*) override {
    return new Conversation();
  }
};

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(int argc, char** argv) {
  std::string certificate;
  std::string key;
  for (int i = 1; i + 1 < argc; i += 2) {
    (std::string(argv[i]) == "--cert" ? certificate : key) = Read(argv[i + 1]);
  }
  if (certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({key, certificate});
  return grpc::SslServerCredentials(options);
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before any thread is made, so that all have it blocked and this one waits for it.
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &told, nullptr);

  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", Credentials(argc, argv), &port);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (!server || port == 0) return EXIT_FAILURE;
  std::cout << port << std::endl;

  int signal = 0;
  sigwait(&told, &signal);
  server->Shutdown(std::chrono::system_clock::now());
  return EXIT_SUCCESS;
}
