// A Weft adapter by plain NATS, without an SDK: gives loyalty points and takes them back.
// Run it as: node loyalty.js [NATS-URL] [JOURNAL]
import fs from "node:fs";
import { connect, headers, JSONCodec } from "nats";

const [url = "nats://127.0.0.1:4222", journal = "loyalty.journal"] = process.argv.slice(2);
const json = JSONCodec();
const known = new Map(); // idempotency key -> the newest journal line about it
const points = new Map();
const apply = (entry) => {
  known.set(entry.key, entry);
  if (entry.member) points.set(entry.member, (points.get(entry.member) ?? 0) + entry.change);
};
if (fs.existsSync(journal)) {
  fs.readFileSync(journal, "utf8").split("\n").filter(Boolean).forEach((l) => apply(JSON.parse(l)));
}
const file = fs.openSync(journal, "a");
const commit = (entry) => { // the effect and the memory of its key: one line, so never only one of them
  fs.writeSync(file, JSON.stringify(entry) + "\n");
  fs.fsyncSync(file);
  apply(entry);
};
const refusal = (number, code) => ({ "Nats-Service-Error-Code": `${number}`, "Nats-Service-Error": code });

const operations = { // each: (key, what is known of it, input) -> [reply, headers]
  give(key, before, { member, amount }) {
    if (before?.state === "done") { // a repeat: the kept answer, if it asks for the same
      if (before.member === member && before.change === amount) return [before.reply];
      return [{ code: "key_conflict" }, refusal(422, "key_conflict")];
    }
    if (before) return [{ code: "fenced" }, refusal(409, "fenced")]; // undone already: too late
    if (!member || !(amount > 0)) return [{ code: "no_such_member" }, refusal(409, "no_such_member")];
    const reply = { member, balance: (points.get(member) ?? 0) + amount };
    commit({ key, state: "done", member, change: amount, reply });
    return [reply];
  },
  take_back(key, before) { // the compensation; of an unknown key it only leaves a mark
    if (before?.state === "done") commit({ key, state: "undone", member: before.member, change: -before.change });
    if (!before) commit({ key, state: "never" });
    return [{}, { "Weft-Effect": known.get(key).state === "undone" ? "undone" : "none" }];
  },
};

const nc = await connect({ servers: url, maxReconnectAttempts: -1 });
process.on("SIGTERM", () => nc.drain());
const tasks = nc.subscribe("weft.task.loyalty.*", { queue: "loyalty" });
console.log("loyalty ready");
for await (const m of tasks) {
  const key = m.headers?.get("Weft-Idempotency-Key");
  let [reply, extra] = [{ code: "bad_request" }, refusal(400, "bad_request")];
  try {
    [reply, extra = {}] = operations[m.subject.split(".").pop()](key, known.get(key), json.decode(m.data));
  } catch { /* unknown operation, or no JSON: the refusal above */ }
  const h = headers();
  Object.entries(extra).forEach(([name, value]) => h.set(name, value));
  m.respond(json.encode(reply), { headers: h });
}
