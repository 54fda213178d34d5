// What the cases have in common: clients, calls with a deadline, and checks that throw.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const { values: options, positionals } = parseArgs({
  options: { proto: { type: "string" }, ca: { type: "string" } },
  allowPositionals: true,
});
const [address] = positionals;
export const names = positionals.slice(1);
export const { testing } =
  grpc.loadPackageDefinition(loadSync(options.proto, { keepCase: true })).grpc;

const TIMEOUT_MS = 60_000;
export const REQUEST_SIZES = [27182, 8, 1828, 45904];
export const REPLY_SIZES = [31415, 9, 2653, 58979];
export const LARGE_REQUEST_SIZE = 271828;
export const LARGE_REPLY_SIZE = 314159;
export const { status, Metadata } = grpc;

export const payload = (size) => ({ body: Buffer.alloc(size) });
export const largeRequest = (fields = {}) => ({
  response_size: LARGE_REPLY_SIZE,
  payload: payload(LARGE_REQUEST_SIZE),
  ...fields,
});
export const outputRequest = (replySize, requestSize) => ({
  response_parameters: [{ size: replySize }],
  payload: payload(requestSize),
});
export const withDeadline = (ms = TIMEOUT_MS) => ({ deadline: Date.now() + ms });

export function open(service = testing.TestService, channelOptions = {}) {
  const credentials = options.ca
    ? grpc.credentials.createSsl(readFileSync(options.ca))
    : grpc.credentials.createInsecure();
  // Without a pool of its own, a channel shares the connection of one to the same address.
  const own = { "grpc.use_local_subchannel_pool": 1, ...channelOptions };
  return new service(address, credentials, own);
}

export function openCompressing() {
  const gzip = grpc.compressionAlgorithms.gzip;
  return open(testing.TestService, { "grpc.default_compression_algorithm": gzip });
}

/** Makes a call with one reply; resolves to the reply and the metadata around it. */
export function unary(client, method, request, metadata = new Metadata()) {
  return new Promise((resolve, reject) => {
    const seen = {};
    const call = client[method](request, metadata, withDeadline(), (error, reply) => {
      if (error) reject(error);
      else seen.reply = reply;
    });
    call.on("metadata", (initial) => { seen.initial = initial; });
    call.on("status", (end) => { if (end.code === status.OK) resolve({ ...seen, end }); });
  });
}

/** Collects all replies of a stream; rejects with the error that ends it. */
export async function collect(stream) {
  const replies = [];
  for await (const reply of stream) replies.push(reply);
  return replies;
}

export function checkPayload(reply, size) {
  assert.equal(Buffer.compare(reply.payload.body, Buffer.alloc(size)), 0);
}

export function checkLarge({ reply }) {
  checkPayload(reply, LARGE_REPLY_SIZE);
}

export async function checkStatus(promise, code, details) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, code);
    if (details !== undefined) assert.equal(error.details, details);
    return true;
  });
}
