// The interop client on gRPC C++: client [--ca FILE] ADDRESS CASE...
//
// It prints a line for each case: "CASE ok", or "CASE failed: REASON".

#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "cases.h"

namespace {

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::shared_ptr<grpc::Channel> Open(const std::string& address, const std::string& ca) {
  grpc::ChannelArguments arguments;
  // Without a pool of its own, a channel shares the connection of one to the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto credentials = ca.empty()
                         ? grpc::InsecureChannelCredentials()
                         : grpc::SslCredentials({.pem_root_certs = ReadFile(ca),
                                                 .pem_private_key = "",
                                                 .pem_cert_chain = ""});
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string ca;
  if (arguments.size() > 1 && arguments[0] == "--ca") {
    ca = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  const std::string address = arguments.at(0);
  Target target;
  target.open = [&] { return Open(address, ca); };
  target.channel = target.open();
  target.stub = grpc::testing::TestService::NewStub(target.channel);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::cout << arguments[i];
    try {
      Cases().at(arguments[i])(target);
      std::cout << " ok" << std::endl;
    } catch (const std::exception& error) {
      std::cout << " failed: " << error.what() << std::endl;
    }
  }
}
