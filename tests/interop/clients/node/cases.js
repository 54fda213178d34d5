// The interop cases on @grpc/grpc-js. One takes a client, and throws where it fails.

import assert from "node:assert/strict";
import { once } from "node:events";
import {
  LARGE_REPLY_SIZE, LARGE_REQUEST_SIZE, Metadata, REPLY_SIZES, REQUEST_SIZES, checkLarge,
  checkPayload, checkStatus, collect, largeRequest, open, openCompressing, outputRequest, payload,
  status, testing, unary, withDeadline,
} from "./calls.js";

const CONCURRENT_CALLS = 1000;
const SOAK_CALLS = 100;
const SOAK_CHANNELS = 20;
const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";
const SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const NO_COMPRESS = 2; // a write flag of the protocol's C core, which grpc-js took over

export const cases = {
  async empty_unary(client) {
    const { reply } = await unary(client, "EmptyCall", {});
    assert.deepEqual(reply, {});
  },

  async large_unary(client) {
    checkLarge(await unary(client, "UnaryCall", largeRequest()));
  },

  async client_streaming(client) {
    const total = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(withDeadline(), (error, reply) => {
        if (error) reject(error);
        else resolve(reply.aggregated_payload_size);
      });
      for (const size of REQUEST_SIZES) call.write({ payload: payload(size) });
      call.end();
    });
    assert.equal(total, REQUEST_SIZES.reduce((sum, size) => sum + size));
  },

  async server_streaming(client) {
    const request = { response_parameters: REPLY_SIZES.map((size) => ({ size })) };
    const replies = await collect(client.StreamingOutputCall(request, withDeadline()));
    assert.equal(replies.length, REPLY_SIZES.length);
    replies.forEach((reply, index) => checkPayload(reply, REPLY_SIZES[index]));
  },

  async ping_pong(client) {
    const call = client.FullDuplexCall(withDeadline());
    const replies = call[Symbol.asyncIterator]();
    for (const [index, size] of REQUEST_SIZES.entries()) {
      call.write(outputRequest(REPLY_SIZES[index], size));
      const { value } = await replies.next();
      checkPayload(value, REPLY_SIZES[index]);
    }
    call.end();
    assert.equal((await replies.next()).done, true);
  },

  async empty_stream(client) {
    const call = client.FullDuplexCall(withDeadline());
    call.end();
    assert.deepEqual(await collect(call), []);
  },

  async custom_metadata(client) {
    const metadata = new Metadata();
    const binary = Buffer.from([0xab, 0xab, 0xab]);
    metadata.set(INITIAL, "test_initial_metadata_value");
    metadata.set(TRAILING, binary);
    const check = (initial, end) => {
      assert.deepEqual(initial.get(INITIAL), ["test_initial_metadata_value"]);
      assert.deepEqual(end.metadata.get(TRAILING), [binary]);
    };
    const { initial, end } = await unary(client, "UnaryCall", largeRequest(), metadata);
    check(initial, end);

    const call = client.FullDuplexCall(metadata, withDeadline());
    const streamInitial = once(call, "metadata");
    const streamEnd = once(call, "status");
    call.write(outputRequest(LARGE_REPLY_SIZE, LARGE_REQUEST_SIZE));
    call.end();
    assert.equal((await collect(call)).length, 1);
    check((await streamInitial)[0], (await streamEnd)[0]);
  },

  async status_code_and_message(client) {
    const response_status = { code: status.UNKNOWN, message: "test status message" };
    const { code, message } = response_status;
    await checkStatus(unary(client, "UnaryCall", { response_status }), code, message);
    const call = client.FullDuplexCall(withDeadline());
    call.write({ response_status });
    call.end();
    await checkStatus(collect(call), code, message);
  },

  async special_status_message(client) {
    const response_status = { code: status.UNKNOWN, message: SPECIAL_MESSAGE };
    const call = unary(client, "UnaryCall", { response_status });
    await checkStatus(call, status.UNKNOWN, SPECIAL_MESSAGE);
  },

  async unimplemented_method(client) {
    await checkStatus(unary(client, "UnimplementedCall", {}), status.UNIMPLEMENTED);
  },

  async unimplemented_service() {
    const client = open(testing.UnimplementedService);
    await checkStatus(unary(client, "UnimplementedCall", {}), status.UNIMPLEMENTED);
    client.close();
  },

  async cancel_after_begin(client) {
    await checkStatus(new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(withDeadline(), (error, reply) => {
        if (error) reject(error);
        else resolve(reply);
      });
      call.cancel();
    }), status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const call = client.FullDuplexCall(withDeadline());
    const replies = call[Symbol.asyncIterator]();
    call.write(outputRequest(REPLY_SIZES[0], REQUEST_SIZES[0]));
    checkPayload((await replies.next()).value, REPLY_SIZES[0]);
    call.cancel();
    await checkStatus(replies.next(), status.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const call = client.FullDuplexCall(withDeadline(1));
    call.write({ payload: payload(REQUEST_SIZES[0]) });
    await checkStatus(collect(call), status.DEADLINE_EXCEEDED);
  },

  async rpc_soak(client) {
    for (let done = 0; done < SOAK_CALLS; done += 1) await cases.large_unary(client);
  },

  async channel_soak() {
    for (let done = 0; done < SOAK_CHANNELS; done += 1) {
      const client = open();
      await cases.large_unary(client);
      client.close();
    }
  },

  async thousand_concurrent_large_unary(client) {
    const calls = Array.from({ length: CONCURRENT_CALLS }, () => cases.large_unary(client));
    await Promise.all(calls);
  },

  async client_compressed_unary(client) {
    const compressing = openCompressing();
    const expecting = (value) => largeRequest({ expect_compressed: { value } });
    const probe = unary(client, "UnaryCall", expecting(true));
    await checkStatus(probe, status.INVALID_ARGUMENT);
    checkLarge(await unary(compressing, "UnaryCall", expecting(true)));
    checkLarge(await unary(client, "UnaryCall", expecting(false)));
    compressing.close();
  },

  async server_compressed_unary(client) {
    for (const value of [true, false]) {
      checkLarge(await unary(client, "UnaryCall", largeRequest({ response_compressed: { value } })));
    }
  },

  async client_compressed_streaming(client) {
    const sizes = REQUEST_SIZES.slice(0, 1).concat(REQUEST_SIZES.slice(3));
    const request = (size, value) => ({ payload: payload(size), expect_compressed: { value } });
    const stream = (over, send) => new Promise((resolve, reject) => {
      const call = over.StreamingInputCall(withDeadline(), (error, reply) => {
        if (error) reject(error);
        else resolve(reply.aggregated_payload_size);
      });
      send(call);
      call.end();
    });
    const probe = stream(client, (call) => call.write(request(sizes[0], true)));
    await checkStatus(probe, status.INVALID_ARGUMENT);
    const compressing = openCompressing();
    const total = await stream(compressing, (call) => {
      call.write(request(sizes[0], true));
      call.write(request(sizes[1], false), NO_COMPRESS);
    });
    assert.equal(total, sizes[0] + sizes[1]);
    compressing.close();
  },

  async server_compressed_streaming(client) {
    const sizes = [31415, 92653];
    const response_parameters = sizes.map((size, index) => (
      { size, compressed: { value: index === 0 } }
    ));
    const replies = await collect(client.StreamingOutputCall({ response_parameters }, withDeadline()));
    assert.equal(replies.length, sizes.length);
    replies.forEach((reply, index) => checkPayload(reply, sizes[index]));
  },
};
