// Prints alerts as they come. Usage: node subscribe.js [LIVE-ENDPOINT] [TOPIC-PREFIX…]
import protobuf from 'protobufjs';
import {Subscriber} from 'zeromq';

const proto = new URL('../../proto/tonus/v1/alert.proto', import.meta.url).pathname;
const root = await protobuf.load(proto);
const Alert = root.lookupType('tonus.v1.Alert');
const Priority = root.lookupEnum('tonus.v1.Priority');

const [endpoint = 'tcp://127.0.0.1:7603', ...prefixes] = process.argv.slice(2);
const socket = new Subscriber();
// The broker writes a tick each second and the core answers it: without both, silence means nothing.
socket.subscribe(...(prefixes.length ? prefixes : ['alert.']), 'tick.', 'progress.');
socket.connect(endpoint);

const seen = {'tick.': 0, 'progress.': 0};
let blind;
setInterval(() => {
  const was = blind;
  const silent = (topic) => Date.now() - seen[topic] > 5000;
  blind = silent('tick.') ? 'BLIND: the broker or the link is down'
    : silent('progress.') ? 'BLIND: the core is down or late' : 'watching';
  if (was !== blind) console.log(blind);
}, 1000);

for await (const [topic, payload, meta] of socket) {
  if (String(topic) in seen) {
    seen[String(topic)] = Date.now();
    continue;
  }
  const alert = Alert.decode(payload);
  console.log(Priority.valuesById[alert.priority], alert.unit, alert.patientId, alert.condition, alert.headline);
}
