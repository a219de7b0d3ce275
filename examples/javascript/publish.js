// Publishes a patient, vitals and a stalled pump, durably. Usage: node publish.js [INGEST-ENDPOINT]
import protobuf from 'protobufjs';
import {Dealer} from 'zeromq';

const root = new protobuf.Root();
root.resolvePath = (_, name) => new URL(`../../proto/${name}`, import.meta.url).pathname;
await root.load(['tonus/v1/bus.proto', 'tonus/v1/event.proto']);
const [Request, Reply, Event] =
    ['IngestRequest', 'IngestReply', 'Event'].map((name) => root.lookupType(`tonus.v1.${name}`));

const socket = new Dealer({linger: 0, receiveTimeout: 10_000});
socket.connect(process.argv[2] ?? 'tcp://127.0.0.1:7601');

async function ask(request) {
  await socket.send(Request.encode(Request.fromObject(request)).finish());
  const [answer] = await socket.receive();
  return Reply.decode(answer);
}

const {welcome} = await ask({hello: {producer: 'example-javascript', version: 1}});
if (welcome.givenClock) throw new Error('this broker plays a simulated ward; start one for live data: tonus up --no-ward');

const vital = (code, quantity, unit) =>
    ['vitals', {observations: {items: [{code: {system: 'local', code}, quantity, unit}]}}];
const pump = {kind: 'intrathecal_pump', model: 'SynchroMed II', programmedDailyDoseUg: 400};
const events = [
  ['patient', {patient: {ageYears: 44, implants: [pump]}}],
  vital('HR', 118, '/min'), vital('TEMP', 38.4, 'Cel'), vital('SPO2', 97, '%'),
  ['pump', {pumpEvent: {kind: 'motor_stall'}}],
];
const about = {patientId: 'javascript-1', sourceId: 'example-javascript', effectiveNs: `${Date.now()}000000`};
const records = events.map(([kind, body]) => ({
  topic: Buffer.from(`${kind}.icu.javascript-1.`),
  payload: Event.encode(Event.fromObject({...about, ...body})).finish(),
}));
const {ack} = await ask({batch: {firstSequence: welcome.lastSequence.add(1), epoch: welcome.epoch, records}});
console.log(`on disk up to ${ack.lastSequence}, refused ${ack.refused.length}`);
