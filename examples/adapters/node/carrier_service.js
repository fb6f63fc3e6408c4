// A NATS micro service as people write them: it has never heard of Weft. Beside it, carrier.yaml
// makes it an adapter. Run it as: node carrier_service.js [NATS-URL]
import { connect, JSONCodec } from "nats";

const json = JSONCodec();
const nc = await connect({ servers: process.argv[2] ?? "nats://127.0.0.1:4222" });
const service = await nc.services.add({ name: "carrier", version: "2.3.0" });
const carrier = service.addGroup("carrier");

let parcels = 0;
carrier.addEndpoint("quote", (error, m) => {
  const { weight_g: weight } = json.decode(m.data);
  if (weight > 30_000) return m.respondError(409, "too heavy for a parcel");
  m.respond(json.encode({ price_minor: 300 + Math.ceil(weight / 100) * 5 }));
});
carrier.addEndpoint("book", (error, m) => {
  const { to } = json.decode(m.data);
  if (!to) return m.respondError(400, "no address");
  parcels += 1;
  m.respond(json.encode({ parcel: `P${parcels}` }));
});
carrier.addEndpoint("cancel", (error, m) => m.respond(json.encode({ cancelled: true })));
carrier.addEndpoint("weigh", () => {
  throw new Error("the scale is on fire");
});
console.log("carrier ready");
process.on("SIGTERM", () => nc.drain());
