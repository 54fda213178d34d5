// The contract, loaded from the descriptor set that `blrcs generate` made.

import { readFileSync } from 'node:fs';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const descriptorSet = readFileSync(new URL('blrcs.binpb', import.meta.url));

// json unpacks google.protobuf.Any, in which errors carry their details.
const loaded = protoLoader.loadFileDescriptorSetFromBuffer(descriptorSet, {
  enums: String,
  longs: String,
  json: true,
});

export const contract = grpc.loadPackageDefinition(loaded);
