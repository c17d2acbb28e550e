// Publishes an event for each key, the first by itself and the others on a stream:
//   node dist/main.js KEY…
import { create } from "@bufbuild/protobuf";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { readFileSync } from "node:fs";
import { argv, env } from "node:process";
import { EventService, PublishEventRequestSchema } from "./gen/postrider/v1/event_pb.js";
import { publish, publishStream } from "./publish.js";

const authorize: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${env.POSTRIDER_TOKEN}`);
  return next(request);
};
const transport = createGrpcTransport({
  baseUrl: `https://${env.POSTRIDER_ADDRESS}`,
  nodeOptions: { ca: readFileSync(env.POSTRIDER_CA!) },
  interceptors: [authorize],
});
const events = createClient(EventService, transport);

const value = '{"amount":{"value":4200}}';
const [first, ...others] = argv.slice(2).map((idempotencyKey) =>
  create(PublishEventRequestSchema, {
    parent: env.POSTRIDER_TENANT,
    idempotencyKey,
    event: { eventType: "payment.completed", payloadForm: { case: "payloadJson", value } },
  }),
);
const answers = [await publish(events, first)];
for await (const answer of publishStream(events, others)) answers.push(answer);
const duplicates = answers.filter((answer) => answer.duplicate).length;
console.log(`${answers.length} published, ${duplicates} duplicates`);
